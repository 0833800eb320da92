"""What the user can be told: a sentence that says what is wrong, and one that says what to do about it."""

from __future__ import annotations

import errno

IN_USE = (5, 32)
"""Windows' numbers for a file or folder that another program holds (5: or that is not the user's)."""


class InstallError(Exception):
    """Something the user can mend. ``message`` and ``hint`` are whole sentences."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def from_os(path: object, error: OSError) -> InstallError:
    """Say what kept ``path`` from being written or read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno == errno.ENOENT:
        return InstallError(
            f"{path} is not there.", "Run the command again; if it stays away, fetch this anew."
        )
    reason = error.strerror or type(error).__name__
    if getattr(error, "winerror", None) in IN_USE:
        return InstallError(
            f"{path} cannot be written: {reason}.",
            "Close GIMP and whatever else uses it, then run the command again.",
        )
    return InstallError(f"{path} cannot be written: {reason}.", "Make it writable and run the command again.")


def disk_full(path: object) -> InstallError:
    """Say that the disk which holds ``path`` is full."""
    return InstallError(f"The disk that holds {path} is full.", "Make room and run the command again.")
