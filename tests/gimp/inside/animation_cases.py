"""Layers as the frames of an animation, painted by the real engine; and those that cannot be frames."""

from __future__ import annotations

from array import array

from tests.gimp.inside.cases import (
    REFUSAL,
    Gimp,
    add_group,
    add_mask,
    case,
    floats,
    new_image,
    new_layer,
    own_images,
    set_engine_mode,
    stripes_layer,
    to_palette,
)

SIZE = (48, 40)
QUICK = {"quality": "draft", "iterations": 2, "model": "vgg16", "engine": "onnx"}


def scene(shift: int, channels: int = 3) -> array:
    """Return a picture with soft blobs that have moved to the left by ``shift`` pixels."""
    values = array("f")
    for y in range(SIZE[1]):
        for x in range(shift, SIZE[0] + shift):
            light = 0.5 + 0.4 * ((x // 8 + y // 8) % 2) * (x % 8) / 8.0
            values.extend((light, 0.8 - light / 2, 0.3 + y / 100.0)[: 3 if channels > 2 else 1])
            if channels % 2 == 0:
                values.append(1.0)
    return values


def animate(image, drawables=(), **arguments):
    """Call the procedure; return (status, image or message, group)."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-animation")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", list(drawables))
    for name, value in {"style_layer": stripes_layer(), **QUICK, **arguments}.items():
        config.set_property(name.replace("_", "-"), value)
    answer = procedure.run(config)
    status = answer.index(0).value_nick
    if status == "success" and answer.index(1) is not None:
        own_images.add(answer.index(1).get_id())
    return status, answer.index(1), answer.index(2) if status == "success" else None


def state(layers) -> list:
    """Return name, offsets, size and alpha of layers."""
    return [
        (
            layer.get_name(),
            tuple(layer.get_offsets()[1:]),
            (layer.get_width(), layer.get_height()),
            layer.has_alpha(),
        )
        for layer in layers
    ]


def difference(first, second) -> float:
    values = [abs(a - b) for a, b in zip(floats(first), floats(second), strict=True)]
    return sum(values) / len(values)


@case()
def layers_become_a_new_image_with_their_names_places_and_alpha():
    """A small combined layer moves over a background; a hidden one is left out, a selection ignored."""
    image = new_image(*SIZE)
    new_layer(image, "background (80ms)", alpha=False, values=scene(0))
    alpha = [1.0 if x > 4 else 0.25 for _y in range(16) for x in range(20)]
    values = array("f")
    for opacity in alpha:
        values.extend((0.9, 0.1, 0.1, opacity))
    ball = new_layer(image, "ball (120ms) (combine)", (20, 16), values=values, offsets=(6, 8))
    new_layer(image, "sketch", alpha=False).set_visible(False)
    last = new_layer(image, "pan (replace)", values=scene(2, 4))
    mask = add_mask(last, [1.0 if x < 24 else 0.5 for _y in range(40) for x in range(48)])
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
    image.set_resolution(144.0, 144.0)
    before = state(image.get_layers())

    set_engine_mode("real")
    status, painted, group = animate(image)
    assert status == "success", painted
    assert group is None
    assert state(image.get_layers()) == before
    assert state(painted.get_layers()) == [item for item in before if item[0] != "sketch"]
    assert (painted.get_width(), painted.get_height(), painted.is_dirty()) == (*SIZE, False)
    assert painted.get_resolution()[1:] == (144.0, 144.0)
    assert painted.get_parasite("neural-style-animation") is not None
    top, middle, bottom = painted.get_layers()
    assert list(floats(top.get_mask())) == list(floats(mask))
    assert list(floats(middle))[3::4] == list(floats(ball))[3::4]
    for now, old in ((top, last), (middle, ball), (bottom, image.get_layers()[-1])):
        assert difference(now, old) > 0.01, now.get_name()


@case()
def group_of_a_grey_image_becomes_a_group_in_one_undo_step():
    image = new_image(*SIZE, base="GRAY")
    backdrop = new_layer(image, "backdrop", alpha=False)
    group = add_group(image, "walk")
    for number in range(2):
        new_layer(group, f"step {number} (50ms) (replace)", values=scene(2 * number, 2))
    before = state(image.get_layers())
    set_engine_mode("real")
    status, same, painted = animate(image, [group], result="group")
    assert status == "success", same
    assert same == image
    assert state(image.get_layers())[1:] == before
    assert image.get_item_position(painted) == 0
    names = [layer.get_name() for layer in painted.get_children()]
    assert [name[:23] for name in names] == ["step 1 (50ms) (replace)", "step 0 (50ms) (replace)"]
    assert all(layer.is_gray() and layer.has_alpha() for layer in painted.get_children())
    assert backdrop.is_valid()


@case()
def animation_with_a_palette_becomes_an_image_with_all_colours():
    image = new_image(*SIZE)
    for number in range(2):
        new_layer(image, f"frame {number} (100ms)", alpha=False, values=scene(number))
    to_palette(image)
    set_engine_mode("real")
    status, painted, _group = animate(image, image.get_layers())
    assert status == "success", painted
    assert painted.get_base_type() == Gimp.ImageBaseType.RGB
    assert len(set(floats(painted.get_layers()[0]))) > 100


@case(
    ("one layer", 1, {}, "fewer than two layers"),
    ("none", 0, {}, "fewer than two layers"),
    ("hidden", -2, {}, "has 1 visible layer"),
    ("no group", 2, {"frames": "group"}, "No layer group"),
    ("palette", 2, {"result": "group"}, "Make the result a new image"),
    ("paper", 2, {"loss": "paper"}, "loss to relative"),
    ("limit", 2, {"time_limit": 60.0}, "no time limit"),
    ("choice", 2, {"result": "film"}, "image, group"),
    ("no style", 2, {"style_layer": None}, "no style"),
    allowed=REFUSAL,
)
def what_is_no_animation_is_refused(count: int, arguments: dict, words: str):
    image = new_image(*SIZE)
    for number in range(abs(count)):
        new_layer(image, f"frame {number}", alpha=False)
    if count < 0:
        image.get_layers()[0].set_visible(False)
    if words.startswith("Make"):
        to_palette(image)
    status, message, _group = animate(image, **arguments)
    assert status in ("calling-error", "execution-error"), status
    assert words in message, message
    assert len(image.get_layers()) == abs(count)


@case(allowed=REFUSAL)
def failure_of_the_engine_leaves_no_layer():
    image = new_image(*SIZE)
    for number in range(2):
        new_layer(image, f"frame {number}", alpha=False)
    set_engine_mode("error out-of-memory")
    status, message, _group = animate(image, result="group")
    assert status == "execution-error"
    assert "not enough memory" in message, message
    assert len(image.get_layers()) == 2


@case()
def procedure_is_in_the_menu_of_animations():
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-animation")
    assert procedure.get_menu_paths() == ["<Image>/Filters/Animation"]
