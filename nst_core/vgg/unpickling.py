"""Reading the pickle of a published file, whose hash has been checked, without running its content.

Takes the pickle and the few globals that its format needs, and returns the pickled object. A pickle that
names any other global is refused before anything in it is called. Users' own files are read by
:mod:`nst_core.vgg.pickled_data`, because Python's unpickler has no limits of time and memory.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any, TypeAlias

Allowed: TypeAlias = Mapping[tuple[str, str], Any]


class RefusedPickle(Exception):  # noqa: N818 - a property of the file, not an error of this program
    """The pickle is damaged, or asks for something that its format does not need."""


class AllowListUnpickler(pickle.Unpickler):
    """Resolves only the globals in ``allowed``, by (module, name)."""

    def __init__(self, pickled: bytes, allowed: Allowed) -> None:
        super().__init__(io.BytesIO(pickled))
        self.allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        """Look up a global that the pickle names."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise RefusedPickle(f"it asks for {module}.{name}, which weights do not need") from None


def load_pickle(pickled: bytes, allowed: Allowed) -> Any:
    """Return the pickled object.

    Raises:
        RefusedPickle: the pickle is damaged or asks for a global that is not allowed.
    """
    try:
        return AllowListUnpickler(pickled, allowed).load()
    except RefusedPickle:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise RefusedPickle(f"it is damaged ({type(error).__name__})") from None
