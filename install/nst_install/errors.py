"""Errors that the user sees: one sentence says what is wrong, the next what to do about it."""

from __future__ import annotations

import errno

IN_USE = (5, 32)
"""Windows error numbers for a file or folder that another program has open. 5 also means "not permitted"."""


class InstallError(Exception):
    """A problem that the user can fix. ``message`` and ``hint`` are whole sentences."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def from_os(path: object, error: OSError) -> InstallError:
    """Convert a failure to read or write ``path`` to an :class:`InstallError`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno == errno.ENOENT:
        return InstallError(
            f"{path} is missing.",
            "Run the command again. If it is still missing, download this project again.",
        )
    reason = error.strerror or type(error).__name__
    if getattr(error, "winerror", None) in IN_USE:
        return InstallError(
            f"{path} cannot be written: {reason}.",
            "Close GIMP and any other program that uses it, then run the command again.",
        )
    return InstallError(f"{path} cannot be written: {reason}.", "Make it writable and run the command again.")


def disk_full(path: object) -> InstallError:
    """Return the error for a full disk, which holds ``path``."""
    return InstallError(f"The disk that holds {path} is full.", "Free some space and run the command again.")


def untrusted_certificate(server: str) -> InstallError:
    """Return the error for a server whose certificate no authority of this system has signed."""
    return InstallError(
        f"This system does not trust the certificate of {server}.",
        "If your network intercepts connections, set PIP_CERT and SSL_CERT_FILE to its certificate.",
    )
