"""Reading pickles without running their content.

Takes a binary file and the few globals that its format needs, and returns the pickled object. A pickle that
names any other global is refused before anything in it is called. Does not know what the pickles mean.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

Allowed: TypeAlias = Mapping[tuple[str, str], Any]


class ReadableFile(Protocol):
    """A file that a pickle can be read from."""

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes."""
        ...

    def readline(self) -> bytes:
        """Read up to the end of the line."""
        ...


class RefusedPickle(Exception):  # noqa: N818 - a property of the file, not an error of this program
    """The pickle is damaged, or asks for something that its format does not need."""


class AllowListUnpickler(pickle.Unpickler):
    """Resolves only the globals in ``allowed``, by (module, name)."""

    def __init__(
        self, file: ReadableFile, allowed: Allowed, persistent_load: Callable[[Any], Any] | None = None
    ) -> None:
        # Strings in pickles from Python 2 (the ports of the Caffe models) are ASCII.
        super().__init__(file, encoding="utf-8")
        self.allowed = allowed
        self.resolve = persistent_load

    def find_class(self, module: str, name: str) -> Any:
        """Look up a global that the pickle names."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise RefusedPickle(f"it asks for {module}.{name}, which weights do not need") from None

    def persistent_load(self, pid: Any) -> Any:
        """Resolve a reference to something outside the pickle."""
        if self.resolve is None:
            raise RefusedPickle("it refers to something outside itself")
        return self.resolve(pid)


def load_pickle(
    file: ReadableFile | bytes, allowed: Allowed, persistent_load: Callable[[Any], Any] | None = None
) -> Any:
    """Read one pickle from ``file`` and leave the position after it.

    Raises:
        RefusedPickle: the pickle is damaged or asks for a global that is not allowed.
    """
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        return AllowListUnpickler(stream, allowed, persistent_load).load()
    except RefusedPickle:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise RefusedPickle(f"it is damaged ({type(error).__name__})") from None
