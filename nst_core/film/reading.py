"""The selected frames of a film, at the size at which they are painted; and a first look through them.

A film is read twice: once to count its frames and to find its cuts, and once to paint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnNotice
from nst_core.film.model import FilmSource, Selection, check_frame_size
from nst_core.film.shots import shot_starts
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize_picture


@dataclass(frozen=True)
class FoundFilm:
    """What the first look at a film found.

    ``times`` are the start and the duration of each frame in seconds, ``shots`` the numbers of their frames,
    ``first`` is the first frame, and ``transparent`` says whether any frame is.
    """

    times: tuple[tuple[float, float], ...]
    shots: tuple[range, ...]
    first: Picture
    transparent: bool


@dataclass(frozen=True)
class FilmReader:
    """Reads the selected frames of a film. ``size`` is the long side to which they shrink; 0 is their own."""

    source: FilmSource
    selection: Selection
    size: int

    def pictures(self, frames: range | None = None) -> Iterator[Picture]:
        """Yield the pictures of the selected ``frames``, by their numbers; None is all."""
        first, stop = (0, None) if frames is None else (frames.start, frames.stop)
        for frame in islice(self.selection.of(self.source.frames(lambda _notice: None)), first, stop):
            yield self._at_size(frame.picture)

    def _at_size(self, picture: Picture) -> Picture:
        """Shrink a frame, to even sides, which video codecs need."""
        height, width = picture.height, picture.width
        if not self.size or self.size >= max(height, width):
            return picture
        height, width = (side + side % 2 for side in fit(height, width, self.size))
        return resize_picture(picture, height, width)

    def look_through(self, name: str, on_notice: OnNotice) -> FoundFilm:
        """Count the frames and find the cuts. ``name`` is the film's, for messages.

        Raises:
            NstError: ``bad-image`` if there are no frames, or of several sizes.
        """
        times: list[tuple[float, float]] = []
        first: Picture | None = None
        transparent = False

        def pictures() -> Iterator[Picture]:
            nonlocal first, transparent
            for frame in self.selection.of(self.source.frames(on_notice)):
                picture = frame.picture
                first = first or picture
                check_frame_size(f"Frame {len(times) + 1} of {name}", picture, first)
                transparent = transparent or picture.alpha is not None
                times.append((frame.start, frame.duration))
                yield picture

        starts = [number for number, begins in enumerate(shot_starts(pictures())) if begins]
        if first is None:
            raise NstError(
                ErrorCode.BAD_IMAGE, f"There are no frames to paint in {name}.", "Check --from and --to."
            )
        shots = tuple(range(*ends) for ends in pairwise([*starts, len(times)]))
        return FoundFilm(tuple(times), shots, self._at_size(first), transparent)
