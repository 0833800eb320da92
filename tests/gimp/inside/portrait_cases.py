"""A portrait whose face keeps its colours, whose sky takes one painting and whose coat takes another."""

from __future__ import annotations

import json
from array import array

from tests.gimp.inside.cases import (
    Gimp,
    call,
    case,
    channels_of,
    floats,
    mode,
    new_image,
    new_layer,
    picture_of,
)
from tests.gimp.inside.layer_cases import real_result
from tests.gimp.inside.recipe_cases import masked_layer, rectangle
from tests.gimp.inside.style_cases import saved

SIZE = (128, 112)
FACE = (48, 24, 32, 36)
SKY, COAT = (0, 0, 128, 40), (24, 60, 80, 52)


def stripes(name: str, *colours) -> str:
    """Return the path of a painting of stripes."""
    width = height = 96
    path = saved(f"{name}.png", width, height)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file_at(path))
    values = array("f")
    for y in range(height):
        for x in range(width):
            values.extend(colours[(x + 2 * y) // 6 % len(colours)])
    new_layer(image, alpha=False, values=values)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file_at(path), None)
    image.delete()
    return str(path)


def file_at(path):
    from gi.repository import Gio

    return Gio.File.new_for_path(str(path))


@case()
def a_portraits_face_stays_while_sky_and_coat_take_two_paintings():
    """The selection leaves the face out; a layer above the photo, with a mask, stands for each painting."""
    image = new_image(*SIZE)
    photo = new_layer(image, "photo", alpha=False)
    masked_layer(image, "sky", SKY)
    masked_layer(image, "coat", COAT)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, *FACE)
    Gimp.Selection.invert(image)
    before = picture_of(image)
    mode("real")
    status, painted = call(
        image,
        [photo],
        region_masks=["sky", "coat"],
        region_styles=[
            stripes("starry", (0.1, 0.1, 0.5), (0.9, 0.8, 0.2)),
            stripes("klimt", (0.8, 0.5, 0.1), (0.2, 0.1, 0.05)),
        ],
        outside="keep",
        quality="draft",
        iterations=20,
    )
    assert status == "success", painted
    assert picture_of(image, without=painted) == before
    assert painted.get_offsets()[1:] == (0, 0)
    real_result(photo, painted)
    own, new, hidden = floats(photo), floats(painted), floats(painted.get_mask(), name="Y float")
    channels = channels_of(photo)
    sky, coat, face = (rectangle(*SIZE, box) for box in (SKY, COAT, FACE))
    changed = {"sky": 0.0, "coat": 0.0}
    for position in range(SIZE[0] * SIZE[1]):
        first = position * channels
        difference = max(abs(new[first + c] - own[first + c]) for c in range(3))
        if face[position]:
            assert difference == hidden[position] == 0.0, "the face is as it was, and shows through"
        elif sky[position]:
            changed["sky"] += difference
        elif coat[position]:
            changed["coat"] += difference
        else:
            assert difference == 0.0, position
    assert min(changed.values()) > 50.0, changed
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert [each["mask"] for each in record["regions"]] == ["sky", "coat"]
