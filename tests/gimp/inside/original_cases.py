"""Painting again: a script may start from the layer that a painting was painted from."""

from __future__ import annotations

from array import array

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    REFUSAL,
    Gimp,
    assert_refused,
    case,
    channels_of,
    fill,
    floats,
    gimp_file,
    new_image,
    new_layer,
    paint,
    record_of,
    save_image,
)


def make_dark_painting(image):
    """Return a photo and a painting of it, which is black; the fake engine copies what it paints."""
    photo = new_layer(image)
    painting = paint(image, photo)
    fill(painting, array("f", [0.0, 0.0, 0.0, 1.0][-channels_of(painting) :] * (64 * 48)))
    return photo, painting


def names(image) -> list:
    return [layer.get_name() for layer in image.get_layers()]


@case()
def painting_is_painted_again_from_its_original():
    image = new_image()
    photo, painting = make_dark_painting(image)
    assert record_of(painting)["source"] == {"tattoo": photo.get_tattoo(), "name": "photo"}
    again = paint(image, painting, source="original")
    assert floats(again) == floats(photo)
    assert image.get_layers() == [again, painting, photo]
    assert record_of(again)["source"]["name"] == "photo"


@case()
def painting_in_a_saved_file_knows_its_original():
    image = new_image()
    photo, _painting = make_dark_painting(image)
    photo.set_name("renamed")
    path = FAKE_FOLDER / "painted.xcf"
    save_image(image, path)
    loaded = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, gimp_file(path))
    again = paint(loaded, loaded.get_layers()[0], source="original")
    assert floats(again) == floats(photo)
    loaded.delete()


@case()
def script_paints_the_painting_itself_unless_it_asks():
    image = new_image()
    _photo, painting = make_dark_painting(image)
    assert floats(paint(image, painting)) == floats(painting)


@case()
def painting_without_an_original_is_painted_itself():
    image = new_image()
    photo, painting = make_dark_painting(image)
    image.remove_layer(photo)
    assert floats(paint(image, painting, source="original")) == floats(painting)


@case(allowed=REFUSAL)
def unknown_source_is_refused():
    image = new_image()
    assert_refused(image, [new_layer(image)], "source", "original", source="origin")
