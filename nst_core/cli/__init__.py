"""The command line, ``nst``: arguments and files in, files, lines and exit codes out.

Nothing here knows how pictures are painted; every command hands over to :mod:`nst_core.job.run` or one of its
neighbours, which it imports only when it runs, so that ``nst --help`` answers at once.
"""


def main() -> None:
    """Run ``nst`` with the process's arguments and exit."""
    from nst_core.cli.commands import nst

    nst()
