"""Video files to read, through FFmpeg's libraries: frames by their timestamps, upright.

Frames are read with 8 bits in each channel. Times are those of the file, so that a variable frame rate stays
as it is. :mod:`nst_core.film.video_writer` writes the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.events import Notice, OnNotice
from nst_core.film.model import FilmFrame, FilmTraits
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture

HDR_TRANSFERS = {16: "HDR (PQ)", 18: "HDR (HLG)"}
"""Codes of transfer of ITU-T H.273."""

TRANSPARENT_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose usual decoder leaves transparency out, and the decoders that do not."""


ALPHA_KEYS = ("alpha_mode", "ALPHA_MODE")
"""Names under which WebM and Matroska files tell that they have transparency."""


class VideoFile:
    """A video file to read; see :class:`nst_core.film.model.FilmSource`."""

    def __init__(self, path: Path) -> None:
        """Look at the file.

        Raises:
            NstError: ``bad-image`` if it is no video.
        """
        self.path, self.name = path, display_name(path)
        with self._open() as container:
            context = container.streams.video[0].codec_context
            self.bits = _bits(context.pix_fmt)
            self.transfer = int(context.color_trc)
            colours = (
                int(context.colorspace),
                int(context.color_primaries),
                self.transfer,
                int(context.color_range),
            )
        self.traits = FilmTraits(video=path, colours=colours)

    def _open(self) -> Any:
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, ValueError) as error:
            raise NstError(
                ErrorCode.BAD_IMAGE, f"{self.name} is no film that can be read: {first_line(error)}."
            ) from None
        if not container.streams.video:
            container.close()
            raise NstError(ErrorCode.BAD_IMAGE, f"{self.name} has no picture, only sound.")
        return container

    def frames(self, on_notice: OnNotice) -> Iterator[FilmFrame]:
        """Yield the frames; what comes after a damaged place in the file is left out, and that is told."""
        self._tell_depth(on_notice)
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            usual = float(1 / stream.average_rate) if stream.average_rate else 0.04
            waiting: FilmFrame | None = None
            first: float | None = None
            try:
                for frame in _decoded(container, stream):
                    if frame.time is None and waiting is not None:
                        time = waiting.start + usual
                    else:
                        time = float(frame.time or 0.0) - (first or 0.0)
                    if first is None:
                        first, time = time, 0.0
                    if waiting is not None:
                        yield FilmFrame(waiting.picture, waiting.start, max(time - waiting.start, 1e-3))
                    own = float(frame.duration * frame.time_base) if frame.duration else usual
                    waiting = FilmFrame(_picture(frame, str(self.path)), time, own)
            except av.FFmpegError as error:
                if waiting is None:
                    raise NstError(
                        ErrorCode.BAD_IMAGE, f"{self.name} cannot be decoded: {first_line(error)}."
                    ) from None
                message = f"{self.name} is damaged after {waiting.start:.1f} seconds; the rest is left out."
                on_notice(Notice("damaged-film", message))
            if waiting is not None:
                yield waiting

    def _tell_depth(self, on_notice: OnNotice) -> None:
        kind = HDR_TRANSFERS.get(self.transfer)
        if kind:
            text = f"{self.name} is {kind}. It is painted in its own encoding and written with 8 bits."
            on_notice(Notice("film-depth", text, "Convert it to SDR first for the usual contrast."))
        elif self.bits > 8:
            text = f"{self.name} has {self.bits} bits in each channel; the result has 8."
            on_notice(Notice("film-depth", text))


def _bits(pixel_format: str | None) -> int:
    if not pixel_format:
        return 8
    return max((component.bits for component in av.VideoFormat(pixel_format).components), default=8)


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames of a stream, with their transparency."""
    name = TRANSPARENT_DECODERS.get(stream.codec_context.name)
    if name is None or "1" not in (stream.metadata.get(key) for key in ALPHA_KEYS):
        yield from container.decode(stream)
        return
    decoder = av.CodecContext.create(name, "r")
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


def _picture(frame: Any, source: str) -> Picture:
    """Convert a decoded frame to a picture, turned upright."""
    has_alpha = any(component.is_alpha for component in frame.format.components)
    values = frame.to_ndarray(format="rgba" if has_alpha else "rgb24")
    values = np.rot90(values, round(frame.rotation / 90) % 4)
    floats = np.ascontiguousarray(values, np.float32) / np.float32(255.0)
    alpha = np.ascontiguousarray(floats[:, :, 3]) if has_alpha else None
    return Picture(np.ascontiguousarray(floats[:, :, :3]), alpha, source=source)
