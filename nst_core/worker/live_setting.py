"""One setting that the caller changes during a run: the newest value is applied, in a thread of its own.

A slider sends values faster than a preview is finished, so values in between are left out. Does not depend on
what the setting is or on how messages arrive.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class LiveSetting:
    """The value that the caller has set since the last request, if it has set one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: float | None = None
        self._following = False

    def put(self, value: float) -> None:
        """Set a value; a run that follows the setting applies it."""
        with self._changed:
            self._value = value
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget the value: another request has its own."""
        with self._changed:
            self._value = None

    @contextmanager
    def followed_by(self, apply: Callable[[float], None]) -> Iterator[None]:
        """Call ``apply`` with each new value until the context ends; afterwards it is not called."""
        self._following = True
        thread = threading.Thread(target=self._follow, args=(apply,), name="live setting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._following = False
                self._changed.notify_all()
            thread.join()

    def _follow(self, apply: Callable[[float], None]) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._value is not None or not self._following)
                value, self._value = self._value, None
                if not self._following or value is None:
                    return
            try:
                apply(value)
            except Exception:  # such as full memory: the run goes on, and the next preview shows the value
                traceback.print_exc()
