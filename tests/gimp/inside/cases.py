"""The list of cases that run inside GIMP, and their shared helpers: test images, calls and comparisons."""

from __future__ import annotations

import json
import os
import time
import traceback
from array import array
from collections import namedtuple
from pathlib import Path

try:
    import gi

    gi.require_version("Gimp", "3.0")
    gi.require_version("Gegl", "0.4")
    from gi.repository import Babl, Gegl, Gimp, Gio
except (ImportError, ValueError):
    Babl = Gegl = Gimp = Gio = None

Case = namedtuple("Case", "function arguments allowed is_long")

CASES = {}
"""Name -> Case; ``allowed`` are the words on stderr that the case may cause.

Those that ``is_long`` repeat what others nearly hold, and run with NST_TEST_LONG=1.
"""

FAKE_FOLDER = Path(os.environ.get("NST_FAKE", "/tmp"))
"""The fake engine keeps requests and pictures here."""

REFUSAL = ("GIMP-Error",)
"""GIMP prints this when a procedure answers with an error, as it should in the case of a fault."""

QUICK = {"quality": "draft", "iterations": 10, "size": 64}
"""Settings that let the real engine do real work in little time."""

own_images = set()


class MissingFeature(Exception):  # noqa: N818 - no error
    """This GIMP does not have the feature that a case is about. The case counts as skipped."""


def case(*parameters, allowed=(), long=()):
    """Register a test case, once for each tuple of ``parameters`` (name, argument, ...).

    Those named in ``long`` run with NST_TEST_LONG=1 only.
    """

    def register(function):
        for parameter in parameters or (None,):
            name, arguments = function.__name__, ()
            if parameter is not None:
                name, arguments = f"{name}[{parameter[0]}]", parameter[1:]
            assert name not in CASES, name
            is_long = parameter is not None and parameter[0] in long
            CASES[name] = Case(function, arguments, allowed, is_long)
        return function

    return register


def run_all(names, results_path) -> None:
    """Run cases by name. Write a line of JSON for each, and marks on stderr that separate their output."""
    Gegl.init(None)
    with Path(results_path).open("w") as results:
        for name in names:
            os.write(2, f"\n=== begin {name}\n".encode())
            started = time.monotonic()
            problem = missing = ""
            try:
                run_case(CASES[name])
            except MissingFeature as error:
                missing = str(error)
            except BaseException:
                problem = traceback.format_exc()
            for image in Gimp.get_images():
                image.delete()
            seconds = round(time.monotonic() - started, 2)
            os.write(2, f"\n=== end {name}\n".encode())
            outcome = {"name": name, "problem": problem, "missing": missing, "seconds": seconds}
            results.write(json.dumps(outcome) + "\n")
            results.flush()


def run_case(case) -> None:
    """Run one case, and check that it leaves no image and no file behind."""
    set_engine_mode("copy")
    case.function(*case.arguments)
    stray = [image.get_name() for image in Gimp.get_images() if image.get_id() not in own_images]
    assert not stray, f"images are left: {stray}"
    leftovers = [path.name for path in Path(os.environ["TMPDIR"]).glob("nst-*")]
    assert not leftovers, f"left behind: {leftovers}"


def set_engine_mode(mode: str) -> None:
    """Set what the fake engine does from now on; "real" is the real engine."""
    (FAKE_FOLDER / "mode").write_text(mode)


def last_request() -> dict:
    """Return the last request that the fake engine got."""
    return json.loads((FAKE_FOLDER / "request.json").read_text())


# Images and layers.


def new_image(width=64, height=48, base="RGB", precision="U8_NON_LINEAR", profile=None):
    """Return an empty image."""
    image = Gimp.Image.new_with_precision(
        width, height, getattr(Gimp.ImageBaseType, base), getattr(Gimp.Precision, precision)
    )
    own_images.add(image.get_id())
    if profile is not None:
        assert image.set_color_profile(profile)
    return image


def gradient(width, height, channels) -> array:
    """Return a picture with different values in every channel, alpha included, in 0..1."""
    values = array("f")
    for y in range(height):
        for x in range(width):
            u, v = x / max(1, width - 1), y / max(1, height - 1)
            colours = (0.1 + 0.8 * u, 0.1 + 0.8 * v, 0.2 + 0.3 * u + 0.3 * v)[: 3 if channels > 2 else 1]
            values.extend(colours)
            if channels % 2 == 0:
                values.append(0.25 + 0.75 * v)
    return values


def native_format(drawable, channels, component="float") -> str:
    """Return the name of the format of values in a drawable's own colour space."""
    names = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}
    return Babl.get_name(Babl.format_with_space(f"{names[channels]} {component}", drawable.get_format()))


def channels_of(drawable) -> int:
    """Return the number of a drawable's channels, alpha included."""
    return (1 if drawable.is_gray() else 3) + drawable.has_alpha()


def new_layer(parent, name="photo", size=None, alpha=True, values=None, offsets=(0, 0)):
    """Add a layer with ``values``, or with a gradient, on top of an image or a group, and return it."""
    group = parent if isinstance(parent, Gimp.GroupLayer) else None
    image = group.get_image() if group is not None else parent
    width, height = size or (image.get_width(), image.get_height())
    kind = {
        (False, False): Gimp.ImageType.RGB_IMAGE,
        (False, True): Gimp.ImageType.RGBA_IMAGE,
        (True, False): Gimp.ImageType.GRAY_IMAGE,
        (True, True): Gimp.ImageType.GRAYA_IMAGE,
    }[(image.get_base_type() == Gimp.ImageBaseType.GRAY, alpha)]
    layer = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, group, 0)
    layer.set_offsets(*offsets)
    fill(layer, values or gradient(width, height, channels_of(layer)))
    return layer


def fill(drawable, values) -> None:
    """Write values in a drawable's own colour space into all of it."""
    buffer = drawable.get_buffer()
    buffer.set(buffer.get_extent(), native_format(drawable, channels_of(drawable)), bytes(values))
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def floats(drawable, box=None, name=None) -> array:
    """Return a drawable's values in its own colour space, or in the format ``name``."""
    area = Gegl.Rectangle.new(*box) if box else drawable.get_buffer().get_extent()
    name = name or native_format(drawable, channels_of(drawable))
    return array("f", bytes(drawable.get_buffer().get(area, 1.0, name, Gegl.AbyssPolicy.NONE)))


def add_mask(layer, values=None):
    """Give a layer a mask with ``values``, or a white one, and return the mask."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    if values is not None:
        buffer = mask.get_buffer()
        buffer.set(buffer.get_extent(), "Y float", array("f", values).tobytes())
        buffer.flush()
    return mask


def add_group(image, name="group", parent=None):
    """Add a layer group on top and return it."""
    group = Gimp.GroupLayer.new(image, name)
    image.insert_layer(group, parent, 0)
    return group


def append_filter(layer, operation):
    """Give a layer a filter that is not merged."""
    layer.append_filter(Gimp.DrawableFilter.new(layer, operation, "a filter"))


def to_palette(image) -> None:
    """Convert an image to a palette of 8 colours."""
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, True, "")


def gimp_file(path):
    """Return a path as GIMP's functions take it."""
    return Gio.File.new_for_path(str(path))


def save_image(image, path) -> None:
    """Let GIMP write an image to a file."""
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, gimp_file(path), None), path


def stripes_layer():
    """Return a layer of another image, with stripes, to take the style from."""
    values = array("f")
    for y in range(40):
        for x in range(40):
            values.extend((0.9, 0.6, 0.1) if (x + y) % 8 < 4 else (0.1, 0.2, 0.6))
    return new_layer(new_image(40, 40), "stripes", alpha=False, values=values)


# Calls of the filter.


def call_filter(image, drawables, **arguments):
    """Call the filter; return (status, layer or message)."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in arguments.items():
        value = gimp_file(value) if name == "style_file" else value
        config.set_property(name.replace("_", "-"), value)
    answer = procedure.run(config)
    return answer.index(0).value_nick, answer.index(1)


def paint(image, layer, **arguments):
    """Paint ``layer``, check that it worked, and return the new layer."""
    arguments = dict(QUICK, **arguments)
    if "style_file" not in arguments and "style_layer" not in arguments:
        arguments["style_layer"] = stripes_layer()
    status, painted = call_filter(image, [layer], **arguments)
    assert status == "success", (status, painted)
    assert isinstance(painted, Gimp.Layer), painted
    return painted


def record_of(painted) -> dict:
    """Return the record that a painting carries."""
    return json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())


def assert_refused(image, drawables, *words, style=True, **arguments):
    """Check that a call is refused with a message that contains ``words``, and that nothing has changed."""
    if style and not {"style_file", "style_layer"} & set(arguments):
        arguments["style_layer"] = stripes_layer()
    before, images = image_state(image), len(Gimp.get_images())
    status, message = call_filter(image, drawables, **arguments)
    assert status in ("calling-error", "execution-error"), status
    for word in words:
        assert word in message, message
    assert message.endswith((".", "?")), message
    assert ".  " not in message
    assert image_state(image) == before
    assert len(Gimp.get_images()) == images


# Comparisons.


def layer_state(layer) -> tuple:
    """Return everything that makes up a layer, pixels included, in its own format."""
    buffer = layer.get_buffer()
    mask = layer.get_mask()
    return (
        layer.get_id(),
        layer.get_name(),
        layer.get_offsets(),
        layer.get_visible(),
        layer.get_opacity(),
        layer.get_mode(),
        layer.get_lock_content(),
        layer.get_parasite_list(),
        [effect.get_name() for effect in layer.get_filters()],
        None if mask is None else bytes(floats(mask, name="Y float")),
        bytes(buffer.get(buffer.get_extent(), 1.0, None, Gegl.AbyssPolicy.NONE)),
        [layer_state(child) for child in layer.get_children()] if layer.is_group() else [],
    )


def image_state(image, without=None) -> list:
    """Return the state of all layers but ``without``, the selection and the names of the channels."""
    state = [layer_state(layer) for layer in image.get_layers() if layer != without]
    state.append(bytes(floats(image.get_selection(), name="Y float")))
    state.append([channel.get_name() for channel in image.get_channels()])
    return state


def assert_near(first, second, tolerance) -> None:
    """Check that two sequences of numbers differ by ``tolerance`` at most."""
    assert len(first) == len(second), (len(first), len(second))
    worst = max((abs(a - b) for a, b in zip(first, second, strict=True)), default=0.0)
    assert worst <= tolerance, f"differs by {worst}"


def assert_painted(layer, painted) -> None:
    """Check the real engine's work: different pixels, the same alpha, nothing out of range, a record."""
    values, source = floats(painted), floats(layer)
    channels = channels_of(painted)
    assert min(values) >= -1e-3 and max(values) <= 1 + 1e-3  # noqa: PT018 - one range
    difference = sum(abs(a - b) for a, b in zip(values, source, strict=True)) / len(values)
    assert difference > 0.001, f"nothing was painted: {difference}"
    if channels % 2 == 0:
        assert values[channels - 1 :: channels] == source[channels - 1 :: channels]
    record = record_of(painted)
    assert len(record["model_sha256"]) == 64
    assert record["model_sha256"] != "f" * 64
    assert record["engine"] not in ("", "0.0.1")
