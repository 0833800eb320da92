"""Run the engine's process: ``python -I -m nst_core.worker``."""

from nst_core.worker.process import main

main()
