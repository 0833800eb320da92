"""``python -m nst_core.cli``, in case the ``nst`` script is not on the PATH."""

from nst_core.cli import main

if __name__ == "__main__":
    main()
