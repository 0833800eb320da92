"""The dialog's results: what its trials leave in the strip, and the sheet of variants."""

from __future__ import annotations

from nst_gimp.image import result_files
from nst_gimp.process.result_store import PHOTO, PICTURE
from nst_gimp.run import session_results
from nst_gimp.ui import result_words
from nst_gimp.ui.result_actions import ResultActions
from nst_gimp.ui.result_strip import ResultStrip
from nst_gimp.ui.variant_sheet import VariantSheet


class Results:
    """The results of ``dialog``; ``settle(config)`` is called when the settings of one were taken."""

    def __init__(self, dialog, settle) -> None:
        self.dialog = dialog
        self.store = session_results.open_store(create=True)
        self._variants: dict = {}  # painted cells, for the next sheet
        self.actions = ResultActions(dialog, settle)
        self.strip = ResultStrip(dialog.subject.image, self.store, self._show, self.actions)
        dialog.trial.on_finished_trial = lambda trial: self._keep(trial, dialog.trial.is_automatic)
        dialog.trial.on_variants = self._open_sheet
        for signal in ("focus-in-event", "map"):
            dialog.window.connect(signal, lambda *_event: bool(self.strip.refresh()))

    def _keep(self, trial, is_automatic: bool) -> None:
        if self.store is None:
            return
        try:
            image, photo = self.dialog.subject.image, self.dialog.trial.photo_of_trial
            result = session_results.keep_trial(self.store, image, trial, photo, is_automatic=is_automatic)
            self.strip.add(result)
        except OSError:  # the disk is full: the trial itself is shown
            return

    def _show(self, result) -> None:
        """Show a result in the large picture."""
        picture = result_files.read_picture(result.path(PICTURE))
        if picture is None:  # it was the oldest, and is gone
            self.strip.refresh()
            return
        photo = result_files.read_picture(result.path(PHOTO)) or self.dialog.trial.original
        self.dialog.trial.show_result(photo, picture, result_words.summary(result.facts))

    def _open_sheet(self) -> None:
        self.dialog.trial.stop()
        VariantSheet(self.dialog, self._variants, self._take).show()

    def _take(self, changes: dict, trial) -> None:
        """Take the settings of a cell. What was painted of it becomes a result and is shown."""
        for name, value in changes.items():
            self.dialog.config.set_property(name, value)
        if trial is not None:
            self.dialog.trial.show_trial(trial)
            self._keep(trial, is_automatic=False)
