"""The filter used from the menu, with its dialog and the painting window, by keys and clicks.

The tests follow each other on the same image, like a person's actions. With $NST_TEST_PICTURES set, pictures
of the screen are kept there.
"""

from __future__ import annotations

import json

from PIL import Image, ImageChops

from tests.gimp.desktop import (
    DIALOG,
    LAST_VALUES,
    PAINTING_WINDOW,
    QUESTION,
    GimpDesktop,
    Widget,
    is_slider,
)
from tests.gimp.screen import Window

LAST_BUTTON = (48, 28)
"""The middle of the lower right button, from the lower right corner of a window."""
STATUS_BAR_HEIGHT = 30
PREVIEW_BLUE = 120
"""The blue of every pixel in the fake engine's previews; no pixel of the photo's middle has it."""


def is_error_bar(widget: Widget) -> bool:
    return widget.kind == "InfoBar"


def painted_colour(desktop: GimpDesktop, window: Window) -> tuple[int, ...] | None:
    """Return the colour of the picture in the painting window, or None if it is not yet a preview."""
    colour = desktop.screen.pixel(window.x + window.width // 2, window.y + window.height // 3)
    return colour if abs(colour[2] - PREVIEW_BLUE) < 8 else None


def keep_result(desktop: GimpDesktop, painting: Window) -> None:
    """Click on the painting window's button, once there is something to keep."""
    button = desktop.wait_for_widget(
        painting,
        lambda widget: widget.kind == "Button" and widget.text == "Keep This Result" and widget.sensitive,
        "the button for the result",
    )
    desktop.screen.click(*button.middle)


def test_filter_from_the_menu_makes_a_layer(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("slow 600")
    screen = desktop.screen
    dialog = desktop.open_dialog()
    # At the first start, a ready style is chosen.
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("Impressionist, "), "a style")
    desktop.keep_picture("first-start")
    screen.key("alt+f", dialog)
    chooser = desktop.wait_for_window("Choose a painting")
    desktop.type(chooser, str(desktop.gimp.folder / "swirls.ppm"))
    screen.key("alt+o", chooser)
    desktop.wait_until_gone("Choose a painting")
    desktop.press(dialog, "alt+a")
    desktop.keep_picture("dialog")
    screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(lambda: painted_colour(desktop, painting), "a preview")
    desktop.keep_picture("painting")
    # GIMP answers while the window is open.
    assert desktop.layers() in (["photo.ppm"], ["Background"])
    assert screen.windows(PAINTING_WINDOW)
    keep_result(desktop, painting)
    desktop.wait_until_gone(PAINTING_WINDOW)
    desktop.wait_until(lambda: desktop.layers()[0].startswith("swirls, strength 50"), "the painting")
    assert '"stopped": true' in desktop.record()
    assert "swirls.ppm" in desktop.record()
    desktop.wait_until_clean()


def test_undo_takes_one_step(desktop: GimpDesktop) -> None:
    before = desktop.layers()
    assert len(before) == 2, "the photo, and the painting of the test above"
    desktop.press_until("ctrl+z", lambda: desktop.layers() == before[1:], "one undo")
    desktop.press_until("ctrl+y", lambda: desktop.layers() == before, "one redo")
    assert "swirls.ppm" in desktop.record()
    desktop.select_photo()


def test_repeat_filter_asks_nothing(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("copy")
    before = len(desktop.layers())
    desktop.press_until("ctrl+f", lambda: len(desktop.layers()) == before + 1, "the repeated filter")
    assert not desktop.screen.windows(DIALOG)
    assert "swirls.ppm" in desktop.record()
    assert "swirls.ppm" in (desktop.gimp.profile / LAST_VALUES).read_text()
    desktop.select_photo()


def test_cancel_in_the_painting_window_returns_to_the_dialog(desktop: GimpDesktop) -> None:
    before = desktop.layers()
    desktop.gimp.set_engine_mode("slow 600")
    desktop.begin_filter(desktop.gimp.folder / "swirls.ppm")
    dialog = desktop.wait_for_window(DIALOG)
    desktop.screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(desktop.gimp.leftovers, "the engine's job")
    desktop.screen.click_from_corner(painting, *LAST_BUTTON)
    desktop.wait_until_gone(PAINTING_WINDOW)
    dialog = desktop.wait_for_window(DIALOG)  # with everything as it was chosen
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()
    assert desktop.layers() == before


def test_error_is_shown_in_the_dialog_and_a_second_try_works(desktop: GimpDesktop) -> None:
    before = desktop.layers()
    desktop.gimp.set_engine_mode("error out-of-memory")
    dialog = desktop.open_dialog()
    desktop.screen.key("alt+p", dialog)
    desktop.wait_for_widget(dialog, is_error_bar, "the dialog with the error")
    desktop.keep_picture("trouble")
    assert desktop.layers() == before
    desktop.gimp.set_engine_mode("copy")
    desktop.screen.key("alt+p", dialog)
    desktop.wait_until(lambda: len(desktop.layers()) == len(before) + 1, "the second try")
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()


def test_help_opens_in_the_browser(desktop: GimpDesktop) -> None:
    dialog = desktop.open_dialog()
    desktop.screen.key("alt+h", dialog)
    address = desktop.gimp.folder / "opened"
    desktop.wait_until(address.exists, "the browser")
    assert address.read_text().strip().endswith("neural-style/help/en/index.html")
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)


def test_changes_to_the_image_behind_the_dialog_count(desktop: GimpDesktop) -> None:
    """A trial uses the selection of that moment. A deleted layer is an error that leaves the dialog open."""
    desktop.gimp.set_engine_mode("copy")
    before = desktop.layers()
    desktop.ask(
        "extra = Gimp.Layer.new_from_drawable(image.get_layers()[-1], image)\n"
        "image.insert_layer(extra, None, 0); image.set_selected_layers([extra]); Gimp.displays_flush()"
    )
    dialog = desktop.open_dialog()
    desktop.ask("image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 100, 60, 50)")
    request = desktop.gimp.fake_folder / "request.json"
    request.unlink(missing_ok=True)
    desktop.screen.key("alt+t", dialog)
    desktop.wait_until(request.exists, "the trial")
    content = json.loads(request.read_text())["content"]
    assert (content["width"], content["height"]) == (60 + 2 * 32, 50 + 2 * 32)
    desktop.ask("Gimp.Selection.none(image); image.remove_layer(extra)")
    desktop.screen.key("alt+p", dialog)
    desktop.wait_for_widget(dialog, is_error_bar, "the dialog with the error")
    desktop.keep_picture("layer-gone")
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    assert desktop.layers() == before
    desktop.wait_until_clean()


def cancel_button(desktop: GimpDesktop, idle: Image.Image) -> tuple[int, int] | None:
    """Return a point on the Cancel button in GIMP's status bar, or None if it is not shown yet.

    ``idle`` is a picture of the screen without progress. Beside the progress bar, the button is the rightmost
    change of the status bar.
    """
    main = desktop.main
    bottom = main.y + main.height
    status_bar = (main.x, bottom - STATUS_BAR_HEIGHT, main.x + main.width, bottom)
    now = Image.open(desktop.screen.picture(desktop.gimp.folder / "now.png")).convert("RGB")
    changed = ImageChops.difference(idle.crop(status_bar), now.crop(status_bar)).getbbox()
    return (main.x + changed[2] - 20, bottom - STATUS_BAR_HEIGHT // 2) if changed else None


def test_cancel_in_gimps_status_bar_leaves_nothing(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("slow 600")
    before = desktop.layers()
    desktop.select_photo()
    desktop.main = desktop.main_window()
    idle = Image.open(desktop.screen.picture(desktop.gimp.folder / "idle.png")).convert("RGB")
    desktop.press_until("ctrl+f", lambda: "engine" in str(desktop.gimp.leftovers()), "the engine")
    button = desktop.wait_until(lambda: cancel_button(desktop, idle), "the Cancel button")
    desktop.keep_picture("progress")
    desktop.screen.click(*button)
    desktop.wait_until_clean()
    assert desktop.layers() == before


def test_layer_as_a_style_survives_repeat_filter(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("copy")
    desktop.ask(
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image); c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
        "c.set_property('run-mode', Gimp.RunMode.INTERACTIVE)\n"
        "c.set_property('style-layer', image.get_layers()[0])"
    )
    number = desktop.begin("r = p.run(c); answer = r.index(0).value_nick")
    dialog = desktop.wait_for_window(DIALOG)
    desktop.keep_picture("layer")
    desktop.screen.key("alt+p", dialog)
    assert desktop.result(number) == "success"
    assert '"style": "layer of' in desktop.record()
    before = len(desktop.layers())
    desktop.select_photo()
    desktop.press_until("ctrl+f", lambda: len(desktop.layers()) == before + 1, "the repeated filter")
    assert '"style": "layer of' in desktop.record()


def test_diagnostics_open_and_close(desktop: GimpDesktop) -> None:
    window = desktop.choose_from_menu("a d", "Neural Style Diagnostics")
    desktop.keep_picture("diagnostics")
    desktop.screen.key("alt+c", window)
    desktop.wait_until_gone("Neural Style Diagnostics")
    desktop.wait_until_clean()


def test_painting_window_shows_the_previews(desktop: GimpDesktop) -> None:
    """The fake engine's previews turn from dark to light red, and so does the middle of the window."""
    desktop.gimp.set_engine_mode("slow 60")
    dialog = desktop.open_dialog()
    desktop.screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    first = desktop.wait_until(lambda: painted_colour(desktop, painting), "a preview")

    def lighter() -> bool:
        colour = painted_colour(desktop, painting)
        return colour is not None and colour[0] > first[0]

    desktop.wait_until(lighter, f"a preview lighter than {first}")
    desktop.throw_away(painting)
    dialog = desktop.wait_for_window(DIALOG)
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()


def begin_painting(desktop: GimpDesktop, **values: object) -> tuple[int, Window]:
    """Call the filter with a style and press Paint; return the call's number and the painting window."""
    desktop.forget_last_values()
    desktop.select_photo()
    number = desktop.begin_filter(desktop.gimp.folder / "swirls.ppm", **values)
    desktop.screen.key("alt+p", desktop.wait_for_window(DIALOG))
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(lambda: painted_colour(desktop, painting), "a preview")
    return number, painting


def test_colour_layout_slides_while_painting(desktop: GimpDesktop) -> None:
    """The engine gets the slider's values; the record and the next call have the last one."""
    desktop.gimp.set_engine_mode("slow 600")
    number, painting = begin_painting(desktop)
    slider = desktop.wait_for_widget(painting, is_slider, "the slider")
    desktop.screen.click(*slider.upper_middle)
    layout = desktop.gimp.fake_folder / "layout.json"
    desktop.wait_until(layout.exists, "a value for the engine")
    desktop.keep_picture("painting-layout")
    value = json.loads(layout.read_text())["color_layout"]
    assert 20 < value < 80
    keep_result(desktop, painting)
    assert desktop.result(number) == "success"
    assert json.loads(desktop.record())["settings"]["color-layout"] == value
    last_values = (desktop.gimp.profile / LAST_VALUES).read_text()
    assert f"(color-layout {value:g})" in last_values
    desktop.wait_until_clean()


def test_engine_without_colour_layout_has_no_slider(desktop: GimpDesktop) -> None:
    """As an engine of another version, or one whose job has no colours to lay out."""
    desktop.gimp.set_engine_mode("old 600")
    number, painting = begin_painting(desktop)
    assert not [widget for widget in desktop.widgets(painting) if is_slider(widget)]
    keep_result(desktop, painting)
    assert desktop.result(number) == "success"
    desktop.wait_until_clean()


def open_dialog_with_strength(desktop: GimpDesktop, strength: str) -> Window:
    """Open the dialog from the menu, and wait until it shows that strength, and a style."""
    dialog = desktop.open_dialog()
    desktop.wait_for_widget(
        dialog, lambda widget: is_slider(widget) and widget.text == strength, f"the strength {strength}"
    )
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("swirls, "), "the style")
    return dialog


def test_long_painting_is_not_lost_by_a_key(desktop: GimpDesktop) -> None:
    """Escape and Cancel ask: Escape goes on, the answers keep the result or throw it away."""
    desktop.gimp.set_engine_mode("long 600")
    number, painting = begin_painting(desktop)
    before = len(desktop.screen.windows(PAINTING_WINDOW))
    desktop.screen.key("Escape", painting)
    question = desktop.wait_for_window(QUESTION)
    desktop.keep_picture("stop-question")
    desktop.screen.key("Escape", question)
    desktop.wait_until_gone(QUESTION)
    assert len(desktop.screen.windows(PAINTING_WINDOW)) == before
    desktop.screen.click_from_corner(painting, *LAST_BUTTON)  # Cancel
    desktop.screen.key("alt+k", desktop.wait_for_window(QUESTION))
    assert desktop.result(number) == "success"
    assert '"stopped": true' in desktop.record()

    layers = desktop.layers()
    number, painting = begin_painting(desktop)
    desktop.screen.key("Escape", painting)
    desktop.screen.key("alt+t", desktop.wait_for_window(QUESTION))
    desktop.screen.key("Escape", desktop.wait_for_window(DIALOG))
    assert desktop.result(number) == "cancel"
    assert desktop.layers() == layers
    desktop.wait_until_clean()


def test_dialog_has_what_was_chosen_before_the_painting_is_finished(desktop: GimpDesktop) -> None:
    """While a painting runs, and after a cancelled dialog. Its plan waits for a busy computer."""
    desktop.open_photo()  # GIMP keeps the last values with the image, too
    desktop.gimp.set_engine_mode("slow 600")
    number, painting = begin_painting(desktop, strength=70.0)
    desktop.gimp.set_engine_mode("late 0 3600")
    dialog = open_dialog_with_strength(desktop, "70")
    desktop.wait_for_widget(dialog, lambda widget: "busy" in widget.text, "the reason for waiting")
    desktop.keep_picture("second-dialog")
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    desktop.throw_away(painting)
    desktop.screen.key("Escape", desktop.wait_for_window(DIALOG))
    assert desktop.result(number) == "cancel"


def colour_of_layer(desktop: GimpDesktop, index: int) -> list[int]:
    """Return the colour in the middle of a layer, as 8-bit numbers."""
    return desktop.ask(
        f"buffer = image.get_layers()[{index}].get_buffer()\n"
        "answer = list(buffer.get(Gegl.Rectangle.new(240, 160, 1, 1), 1.0, \"R'G'B' u8\", 0))"
    )


def test_painting_is_painted_again_from_the_photo(desktop: GimpDesktop) -> None:
    """By Repeat Filter, and in the dialog, which has its settings and can replace it."""
    desktop.open_photo()  # GIMP keeps the last values with the image, too
    desktop.gimp.set_engine_mode("invert")
    number = desktop.begin_filter(desktop.gimp.folder / "swirls.ppm", strength=70.0)
    desktop.screen.key("alt+p", desktop.wait_for_window(DIALOG))
    assert desktop.result(number) == "success"
    layers = desktop.layers()
    assert layers[-2].startswith("swirls, strength 70, 32 px"), layers
    painting = len(layers) - 2
    desktop.ask(f"image.set_selected_layers([image.get_layers()[{painting}]]); Gimp.displays_flush()")
    photo = colour_of_layer(desktop, -1)
    assert colour_of_layer(desktop, painting) != photo

    desktop.gimp.set_engine_mode("copy")
    desktop.ask(  # what Repeat Filter does
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image)\n"
        f"c.set_core_object_array('drawables', [image.get_layers()[{painting}]])\n"
        "c.set_property('run-mode', Gimp.RunMode.WITH_LAST_VALS); p.run(c)"
    )
    assert len(desktop.layers()) == len(layers) + 1
    assert colour_of_layer(desktop, painting) == photo, "the repeated painting, above the first"

    desktop.ask(f"image.set_selected_layers([image.get_layers()[{painting + 1}]]); Gimp.displays_flush()")
    desktop.forget_last_values()
    dialog = open_dialog_with_strength(desktop, "70")
    desktop.wait_for_widget(dialog, lambda widget: "is painted again" in widget.text, "what is painted")
    desktop.press(dialog, "alt+n")  # replace it
    desktop.keep_picture("painted-again")
    desktop.screen.key("alt+p", dialog)
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()
    desktop.wait_until(lambda: colour_of_layer(desktop, painting + 1) == photo, "the new painting")
    assert len(desktop.layers()) == len(layers) + 1
    desktop.press_until("ctrl+z", lambda: colour_of_layer(desktop, painting + 1) != photo, "one undo")
