"""Video files to write, through FFmpeg's libraries, with the sound of the film that was painted.

Frames are written with 8 bits in each channel, at the times they have in the source. The sound is copied as
it is, without being decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.events import Notice, OnNotice
from nst_core.film.model import FilmFrame, FilmTraits
from nst_core.images.picture import Picture


@dataclass(frozen=True)
class Codec:
    """A codec, the format of its pixels, and its options. Brush strokes are finer than codecs' usual fare."""

    name: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)

    def for_size(self, height: int, width: int) -> Codec:
        """Return the codec for pictures of a size: halved colours need even sides."""
        if self.pixel_format == "yuv420p" and (height % 2 or width % 2):
            return Codec(self.name, "yuv444p", self.options)
        return self


H264 = Codec("libx264", "yuv420p", {"crf": "16", "preset": "medium"})
VP9 = Codec("libvpx-vp9", "yuv420p", {"crf": "22", "b:v": "0"})
TRANSPARENT_VP9 = Codec("libvpx-vp9", "yuva420p", {**VP9.options, "auto-alt-ref": "0"})
PRORES_4444 = Codec("prores_ks", "yuva444p10le", {"profile": "4444"})

CODECS = {".mp4": H264, ".m4v": H264, ".mov": H264, ".mkv": H264, ".webm": VP9}
"""Suffixes of the video files that are written, and the codec of each."""

TRANSPARENT_CODECS = {".mov": PRORES_4444, ".mkv": TRANSPARENT_VP9, ".webm": TRANSPARENT_VP9}
"""Codecs for films with transparency, by suffix."""

CONTAINERS = {".m4v": "mp4", ".mkv": "matroska"}
"""FFmpeg's names of the containers whose suffix is another."""

TIME_BASE = Fraction(1, 90_000)
"""Unit of the times that are written: a common multiple of all usual frame rates."""

UNKNOWN = 2
"""Code for a property of colours that a file does not tell."""


def write_video(
    file: BinaryIO, suffix: str, frames: Iterable[FilmFrame], traits: FilmTraits, on_notice: OnNotice
) -> None:
    """Write a video to the seekable ``file``, of the kind that ``suffix`` names, with the source's sound.

    Raises:
        NstError: ``unwritable-output`` if FFmpeg cannot write it.
        OSError: the file cannot be written.
    """
    container_name = CONTAINERS.get(suffix, suffix[1:])
    try:
        with av.open(file, "w", format=container_name) as output:
            _VideoWriter(output, suffix, traits, on_notice).write(frames)
    except OSError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise NstError(
            ErrorCode.UNWRITABLE_OUTPUT, f"The film cannot be written as {suffix}: {first_line(error)}."
        ) from None


class _VideoWriter:
    """Encodes frames and copies the sound, in the order of their times."""

    def __init__(self, output: Any, suffix: str, traits: FilmTraits, on_notice: OnNotice) -> None:
        self.output, self.traits = output, traits
        self.suffix, self.on_notice = suffix, on_notice
        self.codec = CODECS[suffix]
        self.stream: Any = None

    def write(self, frames: Iterable[FilmFrame]) -> None:
        frames = iter(frames)
        first = next(frames)
        self._choose_codec(first.picture)
        self._add_stream(first)
        with _Sound(self.output, self.traits.video, first.start, self) as sound:
            end = self._encode(first, first.start)
            for frame in frames:
                sound.copy_until(end)
                end = self._encode(frame, first.start)
            self.output.mux(self.stream.encode(None))
            sound.copy_until(end)

    def _choose_codec(self, first: Picture) -> None:
        transparent = self.traits.transparent or first.alpha is not None
        if transparent and self.suffix in TRANSPARENT_CODECS:
            self.codec = TRANSPARENT_CODECS[self.suffix]
        elif transparent:
            message = f"A {self.suffix} file cannot be transparent: what is transparent becomes black."
            hint = f"Save the result as {', '.join(TRANSPARENT_CODECS)}, .png or .webp to keep transparency."
            self.on_notice(Notice("no-transparency", message, hint))
        self.codec = self.codec.for_size(first.height, first.width)

    def _add_stream(self, first: FilmFrame) -> None:
        rate = Fraction(1 / max(first.duration, 1e-3)).limit_denominator(1001)
        stream = self.output.add_stream(self.codec.name, rate=rate, options=dict(self.codec.options))
        stream.width, stream.height = first.picture.width, first.picture.height
        stream.pix_fmt = self.codec.pixel_format
        if self.codec is TRANSPARENT_VP9:
            stream.metadata["alpha_mode"] = "1"
        context = stream.codec_context
        context.time_base = TIME_BASE
        if self.traits.colours is not None:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
                self.traits.colours
            )
        self.stream = stream

    def _encode(self, frame: FilmFrame, first: float) -> float:
        """Encode a frame and return the time at which it ends, from the start of the result."""
        picture = _video_frame(frame.picture, with_alpha=self.codec.pixel_format.startswith("yuva"))
        matrix, _, _, limits = self.traits.colours or (UNKNOWN, UNKNOWN, UNKNOWN, 0)
        picture = picture.reformat(
            format=self.stream.pix_fmt,
            dst_colorspace=None if matrix == UNKNOWN else matrix,
            dst_color_range=None if limits == 0 else limits,
        )
        picture.time_base = TIME_BASE
        picture.pts = round((frame.start - first) / TIME_BASE)
        picture.duration = round(frame.duration / TIME_BASE)
        self.output.mux(self.stream.encode(picture))
        return frame.start - first + frame.duration


def _video_frame(picture: Picture, *, with_alpha: bool) -> Any:
    """Convert a picture; without alpha, what is transparent becomes black."""
    pixels, alpha = picture.pixels, picture.alpha
    if with_alpha:
        opaque = np.ones(pixels.shape[:2], np.float32)
        pixels = np.dstack([pixels, opaque if alpha is None else alpha])
    elif alpha is not None:
        pixels = pixels * alpha[:, :, None]
    values = np.round(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return av.VideoFrame.from_ndarray(values, format="rgba" if with_alpha else "rgb24")


class _Sound:
    """Copies the packets of a file's sound to another file."""

    def __init__(self, output: Any, path: Path | None, first: float, writer: _VideoWriter) -> None:
        self.output, self.first, self.cut = output, first, first > 0
        self.source: Any = None
        self.packets: Iterator[Any] = iter(())
        self.stream: Any = None
        self.next: Any = None
        if path is None:
            return
        self.source = av.open(str(path))
        video, sounds = self.source.streams.video[0], self.source.streams.audio
        start = float(video.start_time * video.time_base) if video.start_time else 0.0
        self.first += start
        if sounds:
            try:
                self.stream = output.add_stream_from_template(sounds[0])
                self.packets = self.source.demux(sounds[0])
            except (av.FFmpegError, ValueError):
                message = f"A {writer.suffix} file cannot hold this sound, so the result is silent."
                writer.on_notice(Notice("no-sound", message, "Save the result as .mkv to keep it."))

    def __enter__(self) -> _Sound:
        return self

    def __exit__(self, *_: object) -> None:
        if self.source is not None:
            self.source.close()

    def copy_until(self, end: float) -> None:
        """Copy what is heard before ``end``, in seconds from the start of the result."""
        while self.stream is not None:
            packet, self.next = self.next, None
            if packet is None:
                packet = next(self.packets, None)
            if packet is None:
                return
            if packet.pts is None:  # the end of the stream
                continue
            time = float(packet.pts * packet.time_base) - self.first
            if time >= end:
                self.next = packet
                return
            if time < 0 and self.cut:  # at the start of the file it fills the decoder
                continue
            shift = round(self.first / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = self.stream
            self.output.mux(packet)
