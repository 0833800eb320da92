"""The command line, ``nst``: takes arguments and files, and gives files, lines and an exit code.

Does not depend on how pictures are painted. Each command calls :mod:`nst_core.job.run` or one of its
neighbours, which it imports only when it runs, so that ``nst --help`` answers at once.
"""


def main() -> None:
    """Run ``nst`` with the arguments of the process, and exit."""
    from nst_core.cli.commands import nst
    from nst_core.cli.terminal import keep_streams_open

    keep_streams_open()
    nst()
