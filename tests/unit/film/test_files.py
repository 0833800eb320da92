"""Films as files: what is kept of videos, animations and folders, and what is told of broken ones."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from nst_core.errors import NstError
from nst_core.film.files import open_film, write_film
from nst_core.film.model import FilmFrame, FilmTraits, Selection
from nst_core.images.picture import Picture

SIZE = (32, 48)
TIMES = (0.0, 0.1, 0.15, 0.4)  # a variable frame rate


def ignore(_notice):
    pass


def picture(number, alpha=None):
    pixels = np.full((*SIZE, 3), 0.3, np.float32)
    pixels[:, 8 * number : 8 * number + 8] = (0.9, 0.2, 0.1)
    return Picture(pixels, alpha)


def make_video(path, *, colours=(1, 1, 1, 1), sound=True, pixel_format="yuv420p", size=SIZE):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = colours
        if sound:
            voice = output.add_stream("aac", rate=8000)
        for number, time in enumerate(TIMES):
            values = (picture(number).pixels * 255).round().astype(np.uint8)[: size[0], : size[1]]
            frame = av.VideoFrame.from_ndarray(values, format="rgb24").reformat(
                format=pixel_format, dst_colorspace=colours[0]
            )
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound:
            wave = np.sin(np.arange(4096) / 5).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            samples.sample_rate = 8000
            samples.pts = 0
            output.mux(voice.encode(samples))
            output.mux(voice.encode(None))


def read(path, notices=ignore, **options):
    source = open_film(path, **options)
    return source, list(source.frames(notices))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_keeps_times_colours_and_sound(tmp_path, suffix):
    make_video(tmp_path / "in.mp4")
    source, frames = read(tmp_path / "in.mp4")
    assert [frame.start for frame in frames] == pytest.approx(TIMES, abs=0.001)
    np.testing.assert_allclose(frames[1].picture.pixels[16, 12], (0.9, 0.2, 0.1), atol=0.06)
    result = tmp_path / f"out{suffix}"
    write_film(result, frames, source.traits, ignore, force=False)
    again, written = read(result)
    assert [frame.start for frame in written] == pytest.approx(TIMES, abs=0.001)
    for before, after in zip(frames, written, strict=True):
        assert np.abs(before.picture.pixels - after.picture.pixels).mean() < 0.02
    assert again.traits.colours == source.traits.colours
    with av.open(str(result)) as file, av.open(str(tmp_path / "in.mp4")) as original:
        assert [bytes(p) for p in file.demux(audio=0)] == [bytes(p) for p in original.demux(audio=0)]
        assert file.duration == pytest.approx(original.duration, abs=140_000)


def test_from_to_and_every_move_times_and_sound(tmp_path):
    make_video(tmp_path / "in.mp4")
    source, frames = read(tmp_path / "in.mp4")
    chosen = list(Selection(start=0.1, every=2).of(iter(frames)))
    assert [frame.start for frame in chosen] == pytest.approx((0.1, 0.4), abs=0.001)
    assert chosen[0].duration == pytest.approx(0.3, abs=0.001)
    write_film(tmp_path / "out.mkv", chosen, source.traits, ignore, force=False)
    _, written = read(tmp_path / "out.mkv")
    assert [frame.start for frame in written] == pytest.approx((0.0, 0.3), abs=0.001)


@pytest.mark.parametrize(
    ("pixel_format", "colours", "word"),
    [("yuv420p10le", (1, 1, 1, 1), "10 bits"), ("yuv420p10le", (9, 9, 16, 1), "HDR")],
)
def test_more_than_8_bits_are_told(tmp_path, pixel_format, colours, word):
    make_video(tmp_path / "in.mkv", pixel_format=pixel_format, colours=colours, sound=False)
    notices = []
    _, frames = read(tmp_path / "in.mkv", notices.append)
    assert len(frames) == 4
    assert word in str(notices[0])


def test_a_cut_off_video_is_told(tmp_path):
    make_video(tmp_path / "in.mkv")
    data = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 9 // 10])
    _, frames = read(tmp_path / "cut.mkv")
    assert 0 < len(frames) <= 4


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_an_animation_keeps_durations_loop_and_transparency(tmp_path, suffix):
    alpha = np.ones(SIZE, np.float32)
    alpha[:10] = 0.0
    frames = [FilmFrame(picture(n, alpha), 0.1 * n, d) for n, d in enumerate((0.1, 0.2, 0.05))]
    path = tmp_path / f"in{suffix}"
    write_film(path, frames, FilmTraits(loop=3), ignore, force=False)
    source, read_frames = read(path)
    assert source.traits.loop == 3
    assert [frame.duration for frame in read_frames] == pytest.approx((0.1, 0.2, 0.05))
    for before, after in zip(frames, read_frames, strict=True):
        np.testing.assert_array_equal(after.picture.alpha, alpha)
        assert np.abs(before.picture.pixels - after.picture.pixels)[10:].max() < 0.03


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    (tmp_path / "in").mkdir()
    for number in (10, 9, 1):
        Image.new("RGB", (20, 16), (number, 0, 0)).save(tmp_path / "in" / f"shot{number}.png")
    source, frames = read(tmp_path / "in", rate=12.0)
    assert source.traits.names == ("shot1.png", "shot9.png", "shot10.png")
    assert frames[1].start == pytest.approx(1 / 12)
    write_film(tmp_path / "out", frames, source.traits, ignore, force=False)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["shot1.png", "shot10.png", "shot9.png"]


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".webm"])
def test_a_video_keeps_transparency(tmp_path, suffix):
    alpha = np.ones(SIZE, np.float32)
    alpha[:16], alpha[16:24] = 0.0, 0.5
    frames = [FilmFrame(picture(n, alpha), 0.1 * n, 0.1) for n in range(3)]
    write_film(tmp_path / f"out{suffix}", frames, FilmTraits(), ignore, force=False)
    _, written = read(tmp_path / f"out{suffix}")
    for before, after in zip(frames, written, strict=True):
        np.testing.assert_allclose(after.picture.alpha, alpha, atol=0.05)
        assert np.abs(before.picture.pixels - after.picture.pixels)[16:].mean() < 0.03


def test_what_a_file_cannot_hold_is_told(tmp_path):
    make_video(tmp_path / "in.mp4")
    source, frames = read(tmp_path / "in.mp4")
    notices = []
    write_film(tmp_path / "out.webm", frames, source.traits, notices.append, force=False)
    assert "cannot hold this sound" in str(notices[0])
    _, written = read(tmp_path / "out.webm")
    assert [frame.start for frame in written] == pytest.approx(TIMES, abs=0.002)
    half = FilmFrame(picture(1, np.full(SIZE, 0.5, np.float32)), 0.0, 0.1)
    write_film(tmp_path / "out.mp4", [half], FilmTraits(), notices.append, force=False)
    assert "cannot be transparent" in str(notices[1])
    _, (dark,) = read(tmp_path / "out.mp4")
    np.testing.assert_allclose(dark.picture.pixels[16, 12], (0.45, 0.1, 0.05), atol=0.06)


def test_a_video_stored_sideways_is_upright(tmp_path):
    make_video(tmp_path / "in.mp4", sound=False)
    data = bytearray((tmp_path / "in.mp4").read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # of a track header of version 0: a quarter turn, clockwise
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[0] << 16, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(data)
    source, frames = read(tmp_path / "turned.mp4")
    _, (first, *_) = read(tmp_path / "in.mp4")
    np.testing.assert_array_equal(frames[0].picture.pixels, np.rot90(first.picture.pixels, -1))
    write_film(tmp_path / "out.mp4", frames, source.traits, ignore, force=False)
    _, written = read(tmp_path / "out.mp4")
    assert written[0].picture.pixels.shape == (SIZE[1], SIZE[0], 3)


def test_a_file_with_sound_alone_is_told(tmp_path):
    with av.open(str(tmp_path / "in.mp4"), "w") as output:
        voice = output.add_stream("aac", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 8000
        output.mux(voice.encode(samples))
        output.mux(voice.encode(None))
    with pytest.raises(NstError, match="no picture, only sound"):
        read(tmp_path / "in.mp4")


def test_what_is_no_film_is_told(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(b"no film at all" * 50)
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "one.gif")
    for name, word in (("noise.mp4", "cannot"), ("empty", "no pictures"), ("one.gif", "single picture")):
        with pytest.raises(NstError, match=word if word != "cannot" else "can be read"):
            read(tmp_path / name)
    with pytest.raises(NstError, match="no film"):
        write_film(tmp_path / "out.docx", [], FilmTraits(), ignore, force=False)


def test_the_bytes_of_a_film_replace_the_old_ones_at_once(tmp_path):
    path = tmp_path / "out.gif"
    path.write_bytes(b"old")

    def frames():
        yield FilmFrame(picture(0), 0.0, 0.1)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_film(path, frames(), FilmTraits(), ignore, force=True)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.gif"]
