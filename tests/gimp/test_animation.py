"""An animation in GIMP with windows and the real engine: the dialog, the frames while they are painted."""

from __future__ import annotations

from tests.gimp.desktop import PAINTING_WINDOW, GimpDesktop
from tests.gimp.test_queue import wait_for_text
from tests.gimp.test_tiles import events, forget_events

DIALOG = "^Neural Style for an Animation$"

FRAMES = """
from tests.gimp.inside.animation_cases import scene
from tests.gimp.inside.cases import new_image, new_layer, add_group
film = new_image(48, 40)
walk = add_group(film, "walk")
for number in range(3):
    new_layer(walk, f"step {number} (80ms) (replace)", values=scene(number, 4))
answer = film.get_id()
"""
CALL = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-animation")
config = procedure.create_config()
film = Gimp.Image.get_by_id({film})
config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
config.set_property("image", film)
config.set_core_object_array("drawables", [film.get_layers()[-1]])
config.set_property("style-file", Gio.File.new_for_path({style!r}))
for name, value in {values!r}.items():
    config.set_property(name, value)
result = procedure.run(config)
painted = result.index(1) if result.length() > 1 else None
answer = [result.index(0).value_nick, painted.get_id() if isinstance(painted, Gimp.Image) else str(painted)]
"""
QUICK = {"quality": "draft", "iterations": 2, "model": "vgg16", "engine": "onnx"}


def call(desktop: GimpDesktop, film: int, **values: object) -> int:
    """Start the filter on the group of the image ``film``, with its dialog."""
    style = str(desktop.gimp.folder / "swirls.ppm")
    return desktop.begin(CALL.format(film=film, style=style, values={**QUICK, **values}))


def layers(desktop: GimpDesktop, image: int) -> list[list[str]]:
    """Return the names of an image's layers, and of those in them."""
    return desktop.ask(
        f"film = Gimp.Image.get_by_id({image})\n"
        "answer = [[layer.get_name(), *(child.get_name() for child in layer.get_children())]"
        " if layer.is_group() else [layer.get_name()] for layer in film.get_layers()]"
    )


def test_frames_are_painted_into_a_group_and_a_cancelled_run_leaves_none(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("recorded")
    forget_events(desktop)
    film = desktop.ask(FRAMES)
    before = layers(desktop, film)
    names = before[0][1:]

    number = call(desktop, film, result="group")
    dialog = desktop.wait_for_window(DIALOG)
    wait_for_text(desktop, dialog, "3 frames of 48 × 40 pixels")
    plan = desktop.wait_until(lambda: events(desktop, "plan"), "the plan")[-1]
    assert plan["frames"] == 3
    wait_for_text(desktop, dialog, "3 frames together")
    desktop.keep_picture("animation-dialog")
    desktop.screen.key("alt+p", dialog)
    assert desktop.result(number)[0] == "success"
    after = layers(desktop, film)
    assert after[1:] == before, "the originals stay"
    assert [name.split(" #")[0] for name in after[0][1:]] == names
    assert [event["number"] for event in events(desktop, "frame")] == [1, 2, 3]

    forget_events(desktop)
    number = call(desktop, film, iterations=400, quality="normal")
    desktop.screen.key("alt+p", desktop.wait_for_window(DIALOG))
    window = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(lambda: events(desktop, "progress"), "the first frame")
    desktop.keep_picture("animation-painting")
    desktop.throw_away(window)
    desktop.screen.key("Escape", desktop.wait_for_window(DIALOG))
    assert desktop.result(number)[0] == "cancel"
    assert layers(desktop, film) == after
    desktop.wait_until_clean()
