"""The list of cases, and what they share: pictures to work on, calls, and what an image is made of."""

from __future__ import annotations

import json
import os
import traceback
from array import array
from pathlib import Path

try:
    import gi

    gi.require_version("Gimp", "3.0")
    gi.require_version("Gegl", "0.4")
    from gi.repository import Babl, Gegl, Gimp, Gio
except (ImportError, ValueError):
    Babl = Gegl = Gimp = Gio = None

CASES = {}
"""Name -> (function, arguments, words on stderr that this case may cause)."""


class NotHere(Exception):  # noqa: N818 - no error
    """A case is about something that this GIMP has not got; it counts as skipped."""


REFUSED = ("GIMP-Error",)
"""What GIMP prints when a procedure answers with an error, as it should in a fault's case."""


def case(*parameters, allowed=()):
    """Register a test case, once for each tuple of ``parameters`` (name, argument, ...)."""

    def register(function):
        for parameter in parameters or (None,):
            name, arguments = function.__name__, ()
            if parameter is not None:
                name, arguments = f"{name}[{parameter[0]}]", parameter[1:]
            assert name not in CASES, name
            CASES[name] = (function, arguments, allowed)
        return function

    return register


def run_all(names, results_path) -> None:
    """Run cases by name; write a line of JSON for each, and marks on stderr that part its lines."""
    Gegl.init(None)
    with Path(results_path).open("w") as results:
        for name in names:
            function, arguments, _allowed = CASES[name]
            os.write(2, f"\n=== begin {name}\n".encode())
            problem = missing = ""
            mode("copy")
            try:
                function(*arguments)
                assert not Gimp.get_images() or not stray(), f"images are left: {stray()}"
                assert leftovers() == [], f"left behind: {leftovers()}"
            except NotHere as error:
                missing = str(error)
            except BaseException:
                problem = traceback.format_exc()
            for image in Gimp.get_images():
                image.delete()
            os.write(2, f"\n=== end {name}\n".encode())
            results.write(json.dumps({"name": name, "problem": problem, "missing": missing}) + "\n")
            results.flush()


MADE = set()


def stray() -> list:
    """Return the names of images that the case itself did not make."""
    return [image.get_name() for image in Gimp.get_images() if image.get_id() not in MADE]


def leftovers() -> list:
    return [path.name for path in Path(os.environ["TMPDIR"]).glob("nst-*")]


def mode(text: str) -> None:
    """Tell the fake engine what to do from now on; "real" is the real one."""
    (Path(os.environ["NST_FAKE"]) / "mode").write_text(text)


def request() -> dict:
    """Return what the fake engine was last asked."""
    return json.loads((Path(os.environ["NST_FAKE"]) / "request.json").read_text())


def new_image(width=64, height=48, base="RGB", precision="U8_NON_LINEAR", profile=None):
    image = Gimp.Image.new_with_precision(
        width, height, getattr(Gimp.ImageBaseType, base), getattr(Gimp.Precision, precision)
    )
    MADE.add(image.get_id())
    if profile is not None:
        assert image.set_color_profile(profile)
    return image


def gradient(width, height, channels) -> array:
    """Return a picture with something in every channel, alpha included, in 0..1."""
    values = array("f")
    for y in range(height):
        for x in range(width):
            u, v = x / max(1, width - 1), y / max(1, height - 1)
            colours = (0.1 + 0.8 * u, 0.1 + 0.8 * v, 0.2 + 0.3 * u + 0.3 * v)[: 3 if channels > 2 else 1]
            values.extend(colours)
            if channels % 2 == 0:
                values.append(0.25 + 0.75 * v)
    return values


def native(drawable, channels, component="float") -> str:
    """Return the name of the format of values in a drawable's own space."""
    names = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}
    return Babl.get_name(Babl.format_with_space(f"{names[channels]} {component}", drawable.get_format()))


def channels_of(drawable) -> int:
    return (1 if drawable.is_gray() else 3) + drawable.has_alpha()


def new_layer(image, name="photo", size=None, alpha=True, parent=None, values=None, offsets=(0, 0)):
    width, height = size or (image.get_width(), image.get_height())
    kind = {
        (False, False): Gimp.ImageType.RGB_IMAGE,
        (False, True): Gimp.ImageType.RGBA_IMAGE,
        (True, False): Gimp.ImageType.GRAY_IMAGE,
        (True, True): Gimp.ImageType.GRAYA_IMAGE,
    }[(image.get_base_type() == Gimp.ImageBaseType.GRAY, alpha)]
    layer = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(*offsets)
    fill(layer, values or gradient(width, height, channels_of(layer)))
    return layer


def fill(drawable, values) -> None:
    buffer = drawable.get_buffer()
    buffer.set(buffer.get_extent(), native(drawable, channels_of(drawable)), bytes(values))
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def floats(drawable, box=None, name=None) -> array:
    """Return a drawable's values in its own colour space, or in the format ``name``."""
    area = Gegl.Rectangle.new(*box) if box else drawable.get_buffer().get_extent()
    name = name or native(drawable, channels_of(drawable))
    return array("f", bytes(drawable.get_buffer().get(area, 1.0, name, Gegl.AbyssPolicy.NONE)))


def style_layer(image):
    """Return a layer of another image, with stripes, to take the style from."""
    other = new_image(40, 40, "RGB")
    values = array("f")
    for y in range(40):
        for x in range(40):
            values.extend((0.9, 0.6, 0.1) if (x + y) % 8 < 4 else (0.1, 0.2, 0.6))
    return new_layer(other, "stripes", alpha=False, values=values)


def call(image, drawables, **arguments):
    """Call the filter; return (status, layer or message)."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in arguments.items():
        value = Gio.File.new_for_path(str(value)) if name == "style_file" else value
        config.set_property(name.replace("_", "-"), value)
    answer = procedure.run(config)
    return answer.index(0).value_nick, answer.index(1)


QUICK = {"quality": "draft", "iterations": 10, "size": 64}
"""Settings that let the real engine do real work in little time."""


def paint(image, layer, **arguments):
    """Paint ``layer``, which must work, and return the new layer."""
    arguments = dict(QUICK, **arguments)
    if "style_file" not in arguments and "style_layer" not in arguments:
        arguments["style_layer"] = style_layer(image)
    status, painted = call(image, [layer], **arguments)
    assert status == "success", (status, painted)
    assert isinstance(painted, Gimp.Layer), painted
    return painted


def everything(item) -> tuple:
    """Return all that makes up a layer, pixels included, in its own format."""
    buffer = item.get_buffer()
    own = bytes(buffer.get(buffer.get_extent(), 1.0, None, Gegl.AbyssPolicy.NONE))
    mask = item.get_mask()
    children = [everything(child) for child in item.get_children()] if item.is_group() else []
    return (
        item.get_id(),
        item.get_name(),
        item.get_offsets(),
        item.get_visible(),
        item.get_opacity(),
        item.get_mode(),
        item.get_lock_content(),
        item.get_parasite_list(),
        [each.get_name() for each in item.get_filters()],
        None if mask is None else bytes(floats(mask, name="Y float")),
        own,
        children,
    )


def picture_of(image, without=None) -> list:
    """Return all layers of an image but ``without``, the selection and the channels."""
    found = [everything(layer) for layer in image.get_layers() if layer != without]
    found.append(bytes(floats(image.get_selection(), name="Y float")))
    found.append([channel.get_name() for channel in image.get_channels()])
    return found


def near(first, second, tolerance) -> None:
    assert len(first) == len(second), (len(first), len(second))
    worst = max((abs(a - b) for a, b in zip(first, second, strict=True)), default=0.0)
    assert worst <= tolerance, f"differs by {worst}"
