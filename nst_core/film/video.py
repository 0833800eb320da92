"""Video files, through FFmpeg's libraries: frames by their timestamps, upright, and a result with the sound.

Frames are read and written with 8 bits in each channel. Times are those of the file, so that a variable frame
rate stays as it is. The sound is copied as it is, without being decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.events import Notice, OnNotice
from nst_core.film.model import FilmFrame, FilmTraits
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture

CODECS = {".mp4": "libx264", ".m4v": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
"""Suffixes of the video files that are written, and the codec of each."""

CONTAINERS = {".m4v": "mp4", ".mkv": "matroska"}
"""FFmpeg's names of the containers whose suffix is another."""

QUALITY = {"libx264": {"crf": "16", "preset": "medium"}, "libvpx-vp9": {"crf": "22", "b:v": "0"}}
"""Options of the codecs: brush strokes are finer than what codecs are tuned for."""

TIME_BASE = Fraction(1, 90_000)
"""Unit of the times that are written: a common multiple of all usual frame rates."""

HDR_TRANSFERS = {16: "HDR (PQ)", 18: "HDR (HLG)"}
"""Codes of transfer of ITU-T H.273."""

UNKNOWN = 2
"""Code for a property of colours that a file does not tell."""


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
                for frame in container.decode(stream):
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


def _picture(frame: Any, source: str) -> Picture:
    """Convert a decoded frame to a picture, turned upright."""
    alpha_format = frame.format.name.startswith(("yuva", "rgba", "bgra", "argb", "abgr"))
    values = frame.to_ndarray(format="rgba" if alpha_format else "rgb24")
    values = np.rot90(values, round(frame.rotation / 90) % 4)
    floats = np.ascontiguousarray(values, np.float32) / np.float32(255.0)
    alpha = np.ascontiguousarray(floats[:, :, 3]) if alpha_format else None
    return Picture(np.ascontiguousarray(floats[:, :, :3]), alpha, source=source)


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
        self.output, self.codec, self.traits = output, CODECS[suffix], traits
        self.suffix, self.on_notice = suffix, on_notice
        self.stream: Any = None

    def write(self, frames: Iterable[FilmFrame]) -> None:
        frames = iter(frames)
        first = next(frames)
        self._add_stream(first)
        with _Sound(self.output, self.traits.video, first.start, self) as sound:
            end = 0.0
            for frame in (first, *()):
                end = self._encode(frame, first.start)
            for frame in frames:
                sound.copy_until(end)
                end = self._encode(frame, first.start)
            self.output.mux(self.stream.encode(None))
            sound.copy_until(end)

    def _add_stream(self, first: FilmFrame) -> None:
        rate = Fraction(1 / max(first.duration, 1e-3)).limit_denominator(1001)
        stream = self.output.add_stream(self.codec, rate=rate, options=dict(QUALITY[self.codec]))
        stream.width, stream.height = first.picture.width, first.picture.height
        odd = first.picture.width % 2 or first.picture.height % 2
        stream.pix_fmt = "yuv444p" if odd else "yuv420p"
        context = stream.codec_context
        context.time_base = TIME_BASE
        if self.traits.colours is not None:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
                self.traits.colours
            )
        self.stream = stream

    def _encode(self, frame: FilmFrame, first: float) -> float:
        """Encode a frame and return the time at which it ends, from the start of the result."""
        values = np.round(frame.picture.pixels * 255.0).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(values, format="rgb24")
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
