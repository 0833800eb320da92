"""The dialog before painting: trials, plans, regions and kept styles, by keys and clicks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.gimp.desktop import DIALOG, LAST_VALUES, PAINTING_WINDOW, GimpDesktop, Widget, is_slider
from tests.gimp.screen import Window
from tests.gimp.start import draw

PHOTO_RED = 200
FACE = (200, 30, 80, 60)


def requests(desktop: GimpDesktop, command: str) -> list[dict]:
    """Return the fake engine's requests for a command since :func:`forget_requests`."""
    path = desktop.gimp.fake_folder / "requests.jsonl"
    *lines, _unfinished = path.read_text().split("\n") if path.exists() else [""]
    return [request for request in map(json.loads, lines) if request["command"] == command]


def forget_requests(desktop: GimpDesktop) -> None:
    (desktop.gimp.fake_folder / "requests.jsonl").unlink(missing_ok=True)


def is_trial_picture(widget: Widget) -> bool:
    return widget.kind == "Image" and widget.parent == "EventBox"


def red_of_trial(desktop: GimpDesktop, dialog: Window) -> int:
    """Return the red in the middle of the dialog's trial."""
    picture = desktop.wait_for_widget(dialog, is_trial_picture, "the trial's picture")
    return desktop.screen.pixel(*picture.middle)[0]


def wait_for_trial(desktop: GimpDesktop, dialog: Window) -> None:
    """Wait until the trial of a slow engine is shown: its previews are dark."""
    desktop.wait_until(lambda: abs(red_of_trial(desktop, dialog) - PHOTO_RED) > 60, "the trial's picture")


def wait_for_red(desktop: GimpDesktop, dialog: Window, red: int) -> None:
    desktop.wait_until(
        lambda: abs(red_of_trial(desktop, dialog) - red) < 3, f"a trial's picture with red {red}"
    )


def is_style(widget: Widget, name: str) -> bool:
    """Whether a widget is the style of that name in the dialog's grid."""
    return widget.kind == "Button" and widget.parent == "FlowBoxChild" and widget.text == name


def call(desktop: GimpDesktop, style: bool = True, **values: object) -> int:
    """Begin an interactive call with these arguments, and a style; return the command's number."""
    desktop.forget_last_values()
    return desktop.begin_filter(desktop.gimp.folder / "swirls.ppm" if style else None, **values)


def leave(desktop: GimpDesktop, dialog: Window, number: int) -> None:
    """Leave the dialog with Escape, which cancels the call and leaves nothing behind."""
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"
    desktop.wait_until_clean()


def test_trial_is_shown_stopped_and_discarded(desktop: GimpDesktop) -> None:
    forget_requests(desktop)
    desktop.gimp.set_engine_mode("slow 60")
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    assert abs(red_of_trial(desktop, dialog) - PHOTO_RED) < 3
    plan = desktop.wait_until(lambda: requests(desktop, "plan"), "the first plan")[0]
    assert (plan["content"]["width"], plan["content"]["height"]) == (480, 320)
    engine = (desktop.gimp.fake_folder / "pid").read_text()

    desktop.press(dialog, "alt+t")
    trial = desktop.wait_until(lambda: requests(desktop, "stylize"), "the trial")[0]
    assert (trial["content"]["width"], trial["content"]["height"]) == (256, 171)
    assert trial["settings"]["size"] == 256
    assert trial["preview"]["max_side"] == 256
    wait_for_trial(desktop, dialog)
    desktop.keep_picture("trial")
    desktop.press(dialog, "alt+t")  # stops it: the result is the fake's copy
    wait_for_red(desktop, dialog, PHOTO_RED)

    desktop.press(dialog, "alt+t")
    desktop.wait_until(lambda: len(requests(desktop, "stylize")) == 2, "another trial")
    wait_for_trial(desktop, dialog)
    desktop.press(dialog, "alt+a", *["Tab"] * 4, "Up")  # the seed, after quality, time limit and size
    wait_for_red(desktop, dialog, PHOTO_RED)
    desktop.wait_until(
        lambda: any(plan["settings"]["seed"] == 1 for plan in requests(desktop, "plan")),
        "a plan with the new setting",
    )
    assert (desktop.gimp.fake_folder / "pid").read_text() == engine, "one process answers everything"

    desktop.press(dialog, "alt+t")
    desktop.wait_until(lambda: len(requests(desktop, "stylize")) == 3, "a third trial")
    leave(desktop, dialog, number)  # in the middle of it


def test_reset_keeps_the_chosen_style(desktop: GimpDesktop) -> None:
    forget_requests(desktop)
    number = call(desktop, strength=17.0)
    dialog = desktop.wait_for_window(DIALOG)
    planned = desktop.wait_until(lambda: requests(desktop, "plan"), "the first plan")[-1]
    assert planned["settings"]["strength"] == 17
    desktop.press(dialog, "alt+r")
    defaults = desktop.wait_for_widget(
        dialog, lambda widget: widget.kind == "Button" and "Defaults" in widget.text, "the menu's entry"
    )
    desktop.screen.click(*defaults.middle)
    planned = desktop.wait_until(
        lambda: [plan for plan in requests(desktop, "plan") if plan["settings"]["strength"] != 17],
        "a plan with the defaults",
    )[-1]
    desktop.wait_for_widget(
        dialog, lambda widget: widget.kind == "Label" and widget.text.startswith("swirls"), "the style's name"
    )
    leave(desktop, dialog, number)


def test_trial_follows_the_layout_of_colours(desktop: GimpDesktop) -> None:
    """Other settings discard a trial. This one acts on finished pictures: the engine gets the new value."""
    forget_requests(desktop)
    layout = desktop.gimp.fake_folder / "layout.json"
    layout.unlink(missing_ok=True)
    desktop.gimp.set_engine_mode("slow 600")
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    desktop.press(dialog, "alt+t")
    wait_for_trial(desktop, dialog)
    sliders = sorted(filter(is_slider, desktop.widgets(dialog)), key=lambda widget: (widget.y, widget.x))
    desktop.screen.click(*sliders[3].upper_middle)  # after strength, matching and brush size
    desktop.wait_until(layout.exists, "a value for the engine")
    assert json.loads(layout.read_text())["color_layout"] > 20
    wait_for_trial(desktop, dialog)  # it is still shown
    desktop.press(dialog, "alt+t")  # and can be stopped: the result is the fake's copy
    wait_for_red(desktop, dialog, PHOTO_RED)
    assert len(requests(desktop, "stylize")) == 1
    leave(desktop, dialog, number)


def test_failed_trial_shows_the_error_and_the_next_one_works(desktop: GimpDesktop) -> None:
    forget_requests(desktop)
    desktop.gimp.set_engine_mode("crash")
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    desktop.press(dialog, "alt+t")
    desktop.wait_until(lambda: requests(desktop, "stylize"), "the trial")
    desktop.wait_for_widget(dialog, lambda widget: "gimp-engine.log" in widget.text, "the trial's error")
    desktop.keep_picture("trial-failed")
    desktop.gimp.set_engine_mode("invert")
    desktop.press(dialog, "alt+t")
    wait_for_red(desktop, dialog, 255 - PHOTO_RED)
    desktop.gimp.set_engine_mode("slow 600")
    desktop.screen.key("alt+p", dialog)
    desktop.throw_away(desktop.wait_for_window(PAINTING_WINDOW))
    dialog = desktop.wait_for_window(DIALOG)
    assert abs(red_of_trial(desktop, dialog) - (255 - PHOTO_RED)) < 3, "nothing was changed since the trial"
    leave(desktop, dialog, number)


def add_region(desktop: GimpDesktop, dialog: Window) -> None:
    """Add a region by its key, and wait until the button for its style has the focus."""

    def style_buttons() -> list[Widget]:
        return [widget for widget in desktop.widgets(dialog) if widget.kind == "MenuButton"]

    before = len(style_buttons())
    desktop.press(dialog, "alt+g")

    def is_added() -> bool:
        buttons = style_buttons()
        return len(buttons) == before + 1 and any(button.focused for button in buttons)

    desktop.wait_until(is_added, "another region")


def test_region_colours_reach_the_plan_and_the_trial(desktop: GimpDesktop) -> None:
    """Chosen by the keyboard from the button of a second region, whose mask has its style's name."""
    swirls = str(desktop.gimp.folder / "swirls.ppm")
    desktop.ask(
        f"names, color = ({swirls!r}, 'face'), Gegl.Color.new('red')\n"
        "channels = [Gimp.Channel.new(image, name, 480, 320, 50.0, color) for name in names]\n"
        "for channel in channels: image.insert_channel(channel, None, 0); channel.fill(Gimp.FillType.WHITE)"
    )
    forget_requests(desktop)
    desktop.gimp.set_engine_mode("copy")
    number = call(desktop, region_masks=["channel:face"], region_styles=[swirls], outside="keep")
    dialog = desktop.wait_for_window(DIALOG)
    plan = desktop.wait_until(lambda: requests(desktop, "plan"), "the first plan")[-1]
    assert [region.get("keep_colors") for region in plan["regions"]] == [None]
    assert [region["mask"]["covered"] for region in plan["regions"]] == [[0, 0, 480, 320]]
    desktop.press(dialog, "alt+v")
    add_region(desktop, dialog)
    desktop.press(dialog, "shift+Tab", "shift+Tab", "shift+Tab", "Down", "Down", "Down")
    desktop.keep_picture("region-colours")
    expected = ["match", None]

    def colours(command: str) -> list[list[str | None]]:
        return [
            [region.get("keep_colors") for region in request["regions"]]
            for request in requests(desktop, command)
        ]

    desktop.wait_until(lambda: expected in colours("plan"), "a plan with the region's colours")
    desktop.press(dialog, "alt+t")
    desktop.wait_until(lambda: colours("stylize"), "the trial")
    assert colours("stylize") == [expected]
    leave(desktop, dialog, number)
    desktop.ask("for channel in channels: image.remove_channel(channel)")


def test_recent_style_is_forgotten_from_the_menu_of_the_menu_key(desktop: GimpDesktop) -> None:
    recent = desktop.gimp.home / ".local/share/nst/recent-styles.json"
    recent.parent.mkdir(parents=True, exist_ok=True)
    used = [str(draw(desktop.gimp.folder / f"{name}.ppm", 60, 40, 90)) for name in ("first", "second")]
    recent.write_text(json.dumps(used))
    desktop.gimp.set_engine_mode("copy")
    number = call(desktop, style=False)
    dialog = desktop.wait_for_window(DIALOG)
    style = desktop.wait_for_widget(dialog, lambda widget: is_style(widget, "first"), "the first style")
    desktop.screen.click(*style.middle)  # takes it, and has the focus then
    desktop.wait_for_widget(
        dialog, lambda widget: is_style(widget, "first") and widget.focused, "the focus on the style"
    )
    desktop.press(dialog, "Menu")
    desktop.keep_picture("style-menu")
    desktop.screen.key("f")
    desktop.wait_until(lambda: json.loads(recent.read_text()) == used[1:], "the style to be forgotten")
    leave(desktop, dialog, number)
    assert Path(used[0]).exists(), "its file stays"
    recent.unlink()


def choose_from_style_menu(desktop: GimpDesktop, dialog: Window, name: str, key: str) -> None:
    """Open the menu of a style in the grid, once it is there, and choose the entry with that letter."""
    style = desktop.wait_for_widget(dialog, lambda widget: is_style(widget, name), f"the style {name}")
    desktop.screen.click(*style.middle, "3")
    desktop.wait_for_widget(dialog, lambda widget: widget.kind == "MenuItem", "its menu")
    desktop.screen.key(key)


def answer(desktop: GimpDesktop, title: str, key: str, text: str = "") -> None:
    """Type into a window's first field, which is selected, press a key, and wait for the window to close."""
    window = desktop.wait_for_window(title)
    if text:
        desktop.type(window, text)
    desktop.screen.key(key, window)
    desktop.wait_until_gone(title)


def test_style_is_kept_renamed_exported_removed_and_imported(desktop: GimpDesktop) -> None:
    """By the engine's own ``nst styles``, while the dialog is open."""
    kept = desktop.gimp.home / ".local/share/nst/styles"
    archive = desktop.gimp.folder / "swirls.styles.json"
    desktop.gimp.set_engine_mode("copy")
    number = call(desktop, strength=70.0, tv=2.5)
    dialog = desktop.wait_for_window(DIALOG)

    desktop.screen.key("alt+k", dialog)
    name_dialog = desktop.wait_for_window("^Keep a Style$")
    desktop.keep_picture("keep")
    desktop.press(name_dialog, "alt+s")  # with the settings
    desktop.wait_for_widget(
        name_dialog,
        lambda widget: widget.kind == "CheckButton" and widget.active,
        "the settings to be chosen",
    )
    desktop.press(name_dialog, "alt+n")
    answer(desktop, "^Keep a Style$", "Return", "Blue swirls")
    desktop.wait_until((kept / "Blue swirls.png").exists, "the kept style, its PPM made a PNG")
    settings = json.loads((kept / "Blue swirls.json").read_text())
    expected = {"strength": 70.0, "style_scale": 1.0, "keep_colors": "none", "color_layout": 0.0, "tv": 2.5}
    assert settings.items() >= expected.items()
    assert "seed" not in settings

    choose_from_style_menu(desktop, dialog, "Blue swirls", "n")
    answer(desktop, "^Rename the Style$", "Return", "Night")
    desktop.wait_until((kept / "Night.png").exists, "the new name")
    assert not (kept / "Blue swirls.png").exists()
    choose_from_style_menu(desktop, dialog, "Night", "e")
    desktop.press(desktop.wait_for_window("^Export Styles$"), "ctrl+a")  # the suffix would stay
    answer(desktop, "^Export Styles$", "alt+e", str(archive))
    desktop.wait_until(archive.exists, "the exported file")
    assert json.loads(archive.read_text())["styles"][0]["settings"]["strength"] == 70.0

    choose_from_style_menu(desktop, dialog, "Night", "r")
    desktop.wait_for_window("^Remove the Style$")
    desktop.keep_picture("remove")
    desktop.screen.key("Return")  # Cancel is the default
    desktop.wait_until_gone("^Remove the Style$")
    assert (kept / "Night.png").exists()
    choose_from_style_menu(desktop, dialog, "Night", "r")
    answer(desktop, "^Remove the Style$", "alt+r")
    desktop.wait_until(lambda: not list(kept.glob("[!.]*.*")), "the style's files to be removed")
    desktop.wait_until(
        lambda: not any(is_style(widget, "Night") for widget in desktop.widgets(dialog)),
        "the style to leave the grid",
    )

    import_archive(desktop, dialog, archive)
    desktop.wait_for_widget(dialog, lambda widget: is_style(widget, "Night"), "the imported style")
    before = (kept / "Night.png").stat().st_mtime_ns
    import_archive(desktop, dialog, archive)  # this time it replaces the style
    desktop.wait_for_window("^Replace Styles$")
    desktop.keep_picture("replace")
    answer(desktop, "^Replace Styles$", "alt+r")
    desktop.wait_until(lambda: (kept / "Night.png").stat().st_mtime_ns != before, "the style to be replaced")
    desktop.wait_until(lambda: not desktop.gimp.processes("nst_core.cli"), "the import to end")
    leave(desktop, dialog, number)
    assert sorted(path.name for path in kept.rglob("[!.]*.*")) == ["Night.json", "Night.png", "Night.png"]
    shutil.rmtree(kept)


def import_archive(desktop: GimpDesktop, dialog: Window, archive: Path) -> None:
    """Import styles from a file by the dialog's menu."""
    desktop.press(dialog, "alt+e")
    desktop.screen.key("i")
    answer(desktop, "^Import Styles$", "alt+i", str(archive))


def make_masked_layers(desktop: GimpDesktop) -> None:
    """Add two layers with masks, sky and coat, and select everything but the face."""
    desktop.ask(
        "from array import array\n"
        "for name, top in (('sky', 0), ('coat', 160)):\n"
        "    layer = Gimp.Layer.new_from_drawable(image.get_layers()[-1], image); layer.set_name(name)\n"
        "    image.insert_layer(layer, None, 0); mask = layer.create_mask(Gimp.AddMaskType.BLACK)\n"
        "    layer.add_mask(mask); buffer = mask.get_buffer()\n"
        "    ones = array('f', [1.0] * (480 * 120)).tobytes()\n"
        "    buffer.set(Gegl.Rectangle.new(0, top, 480, 120), 'Y float', ones); buffer.flush()\n"
        f"image.select_rectangle(Gimp.ChannelOps.REPLACE, *{FACE}); Gimp.Selection.invert(image)"
    )


def choose_regions(desktop: GimpDesktop, dialog: Window) -> None:
    """Add two regions by the keyboard: the first two styles for coat and sky, the style's colours for sky."""
    desktop.press(dialog, "alt+v")
    for keys in (["space", "space"], ["space", "Tab", "space"]):
        add_region(desktop, dialog)
        desktop.press(dialog, *keys)  # opens the style's popover, takes the first or second style
    desktop.press(dialog, "Tab", "Down")


def test_two_regions_from_layer_masks_leave_a_face_out(desktop: GimpDesktop) -> None:
    """With the real engine: one style is chosen in the grid, the other has its mask's name.

    A selection leaves the face out. One undo takes everything back.
    """
    kept = desktop.gimp.home / ".local/share/nst/styles"
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("coat", "swirls"):
        shutil.copy(desktop.gimp.folder / "swirls.ppm", kept / f"{name}.bmp")
    masks = ["coat", "sky"]
    make_masked_layers(desktop)
    before = desktop.layers()
    desktop.gimp.set_engine_mode("real")
    number = call(
        desktop, style=False, size=64, iterations=10, keep_colors="luminance", outside="keep", seed=0
    )
    dialog = desktop.wait_for_window(DIALOG)
    choose_regions(desktop, dialog)
    desktop.keep_picture("regions")
    desktop.screen.key("alt+p", dialog)
    assert desktop.result(number) == "success"
    assert len(desktop.layers()) == len(before) + 1
    record = json.loads(desktop.record())
    assert [region["mask"] for region in record["regions"]] == masks
    assert [region.get("keep_colors") for region in record["regions"]] == [None, "none"]
    assert [Path(region["styles"][0]["style"]).name for region in record["regions"]] == [
        "coat.bmp",
        "swirls.bmp",
    ]
    assert record["settings"]["keep-colors"] == "luminance"
    assert "styles" not in record
    unchanged = desktop.ask(
        "def pixels(layer, *box):\n"
        "    data = layer.get_buffer().get(Gegl.Rectangle.new(*box), 1.0, \"R'G'B' u8\", 0)\n"
        "    return bytes(data)\n"
        "photo, painted = image.get_layers()[-1], image.get_layers()[-2]\n"
        f"boxes = [(0, y, 480, 1) for y in (60, 140, 220, 300)] + [{FACE}]\n"
        "answer = [pixels(photo, *box) == pixels(painted, *box) for box in boxes]"
    )
    assert unchanged == [False, True, False, True, True]
    desktop.wait_until_clean()
    stored = (desktop.gimp.profile / LAST_VALUES).read_text()
    assert '(region-masks 2 "layer:coat" "layer:sky")' in stored
    assert '(region-colors 2 "" "none")' in stored
    desktop.gimp.set_engine_mode("copy")
    forget_requests(desktop)
    desktop.ask(  # what Repeat Filter does
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image); c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
        "c.set_property('run-mode', Gimp.RunMode.WITH_LAST_VALS); p.run(c)"
    )
    (repeated,) = requests(desktop, "stylize")
    assert [region["name"] for region in repeated["regions"]] == masks
    assert [region.get("keep_colors") for region in repeated["regions"]] == [None, "none"]
    assert repeated["settings"]["keep-colors"] == "luminance"
    assert len(desktop.layers()) == len(before) + 2
    desktop.press_until("ctrl+z", lambda: len(desktop.layers()) == len(before) + 1, "one undo")
    recent = json.loads((kept.parent / "recent-styles.json").read_text())
    assert str(kept / "coat.bmp") in recent
    desktop.press_until("ctrl+z", lambda: desktop.layers() == before, "one undo")


def chosen(desktop: GimpDesktop, dialog: Window) -> str:
    """Return the choice of how long to paint."""
    radios = [widget for widget in desktop.widgets(dialog) if widget.kind == "RadioButton"]
    return next((radio.text for radio in radios if radio.active), "")


def wait_for_choice(desktop: GimpDesktop, dialog: Window, name: str) -> None:
    desktop.wait_until(lambda: chosen(desktop, dialog) == name, f"the choice {name}")


def wait_for_text(desktop: GimpDesktop, dialog: Window, *parts: str) -> None:
    desktop.wait_for_widget(
        dialog, lambda widget: all(part in widget.text for part in parts), f"the text {parts}"
    )


def test_time_is_chosen_first_and_sets_the_settings(desktop: GimpDesktop) -> None:
    """For a large photo, Good paints what five minutes allow; Quick says that it will look soft."""
    large = draw(desktop.gimp.folder / "large.ppm", 2000, 1500, PHOTO_RED)
    desktop.gimp.set_engine_mode("copy")
    photo = desktop.photo
    desktop.photo = large
    desktop.open_photo()
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    wait_for_text(desktop, dialog, "about 50 s, painted at 512 px, then enlarged")
    wait_for_text(desktop, dialog, "about 5 min, painted at 1280 px, then enlarged")
    wait_for_text(desktop, dialog, "about 24 min, painted at full size (2000 px)")
    wait_for_choice(desktop, dialog, "Good")
    desktop.keep_picture("how-long")
    desktop.press(dialog, "alt+q")
    wait_for_text(desktop, dialog, "Painted at 512 × 384 px, then enlarged 4 times", "“Good” paints larger.")
    desktop.press(dialog, "alt+u")
    wait_for_text(desktop, dialog, "about 24 min, 1.2 GB", "“Good” or “Quick” is faster.")
    desktop.press(dialog, "alt+d")
    wait_for_text(desktop, dialog, "then enlarged to 2000 × 1500.")
    desktop.press(dialog, "alt+a", "Tab", "Down")  # the quality: fine
    desktop.keep_picture("how-long-advanced")
    desktop.press(dialog, "alt+y")
    wait_for_choice(desktop, dialog, "Custom")
    desktop.press(dialog, "alt+d")
    desktop.screen.key("alt+p", dialog)
    assert desktop.result(number) == "success"
    record = json.loads(desktop.record())
    assert {name: record["settings"][name] for name in ("quality", "size", "time-limit", "finish")} == {
        "quality": "draft",
        "size": 0,
        "time-limit": 300.0,
        "finish": "upsample",
    }
    desktop.photo = photo
    desktop.open_photo()
