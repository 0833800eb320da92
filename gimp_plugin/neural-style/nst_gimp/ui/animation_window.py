"""The window that shows the frames of an animation while they are painted.

It is the painting window with other words: what can be kept are the frames that are finished.
"""

from __future__ import annotations

from nst_gimp.image import previews
from nst_gimp.text.words import _
from nst_gimp.ui.painting_window import PaintingWindow


class AnimationWindow(PaintingWindow):
    """Shows one run. The button that keeps the result can be pressed from the first finished frame on."""

    def begin(self, subject, style_name: str) -> None:
        """Open the window with the first frame as it is now."""
        super().begin(subject, style_name)
        self.finished = 0
        self.keep.set_label(_("_Keep Finished Frames"))
        self.keep.set_tooltip_text(_("Stop now; the frames that are finished become the animation"))
        self.view.holder.set_tooltip_text("")

    def _handle(self, event: dict) -> None:
        super()._handle(event)
        if event["event"] == "frame":
            self.finished = int(event.get("number") or 0)
        if not self.finished:
            self.keep.set_sensitive(False)
            if self._question is not None:
                self._question.keep.set_sensitive(False)
        elif not self._keeping:
            self.keep.set_sensitive(True)

    def _show_preview(self, event: dict) -> None:
        """Show the frame that was finished last."""
        data = self.job_folder.read_preview(event)
        if data is not None:
            size = event["width"], event["height"]
            picture = previews.of_raw(data, *size, 3, "u8", self.subject.format)
            self.view.show_pictures(picture, None)  # the original of another frame is no comparison
