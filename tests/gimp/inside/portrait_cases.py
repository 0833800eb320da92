"""A portrait: the face stays as it is, the sky takes one painting and the coat another."""

from __future__ import annotations

from array import array

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    Gimp,
    assert_painted,
    call_filter,
    case,
    channels_of,
    floats,
    image_state,
    new_image,
    new_layer,
    record_of,
    save_image,
    set_engine_mode,
)
from tests.gimp.inside.region_cases import masked_layer, rectangle

SIZE = (128, 112)
FACE = (48, 24, 32, 36)
SKY, COAT = (0, 0, 128, 40), (24, 60, 80, 52)


def save_stripes(name: str, *colours) -> str:
    """Save a painting of diagonal stripes and return its path."""
    side = 96
    values = array("f")
    for y in range(side):
        for x in range(side):
            values.extend(colours[(x + 2 * y) // 6 % len(colours)])
    image = new_image(side, side)
    new_layer(image, alpha=False, values=values)
    path = FAKE_FOLDER / f"{name}.png"
    save_image(image, path)
    image.delete()
    return str(path)


@case()
def face_stays_while_sky_and_coat_take_two_paintings():
    """The selection leaves the face out. Each region is the mask of a layer above the photo."""
    image = new_image(*SIZE)
    photo = new_layer(image, "photo", alpha=False)
    masked_layer(image, "sky", SKY)
    masked_layer(image, "coat", COAT)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, *FACE)
    Gimp.Selection.invert(image)
    before = image_state(image)
    set_engine_mode("real")
    status, painted = call_filter(
        image,
        [photo],
        region_masks=["sky", "coat"],
        region_styles=[
            save_stripes("starry", (0.1, 0.1, 0.5), (0.9, 0.8, 0.2)),
            save_stripes("klimt", (0.8, 0.5, 0.1), (0.2, 0.1, 0.05)),
        ],
        outside="keep",
        quality="draft",
        iterations=20,
    )
    assert status == "success", painted
    assert image_state(image, without=painted) == before
    assert painted.get_offsets()[1:] == (0, 0)
    assert_painted(photo, painted)
    before_values, after_values = floats(photo), floats(painted)
    mask = floats(painted.get_mask(), name="Y float")
    channels = channels_of(photo)
    sky, coat, face = (rectangle(*SIZE, box) for box in (SKY, COAT, FACE))
    changed = {"sky": 0.0, "coat": 0.0}
    for position in range(SIZE[0] * SIZE[1]):
        first = position * channels
        difference = max(abs(after_values[first + c] - before_values[first + c]) for c in range(3))
        if face[position]:
            assert difference == mask[position] == 0.0, "the face is as it was, and shows through"
        elif sky[position]:
            changed["sky"] += difference
        elif coat[position]:
            changed["coat"] += difference
        else:
            assert difference == 0.0, position
    assert min(changed.values()) > 50.0, changed
    record = record_of(painted)
    assert [region["mask"] for region in record["regions"]] == ["sky", "coat"]
