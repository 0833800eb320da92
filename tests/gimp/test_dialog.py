"""What the dialog does before the painting: trials, plans, regions and styles at hand, by keys and clicks.

One GIMP with windows, under Xvfb, as in ``test_screen``; see there.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from tests.gimp.desk import Desk
from tests.gimp.screen import Window, until
from tests.gimp.start import draw
from tests.gimp.test_screen import (
    DIALOG,
    PAINTING,
    gone,
    keep_picture,
    nothing_left,
    record,
)

TRIAL = (160, 156)
"""The middle of the trial, from the dialog's upper left corner."""
FIRST_STYLE = (362, 262)
"""The first style at hand, from there as well."""
PHOTO_RED = 200


def requests(desk: Desk) -> list[dict]:
    """Return everything that the fake engine was asked since :func:`forget`."""
    path = desk.gimp.fakes / "requests.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def forget(desk: Desk) -> None:
    (desk.gimp.fakes / "requests.jsonl").unlink(missing_ok=True)


def asked(desk: Desk, command: str) -> list[dict]:
    return [request for request in requests(desk) if request["command"] == command]


def shown(desk: Desk, dialog: Window) -> tuple[int, ...]:
    return desk.screen.pixel(dialog.x + TRIAL[0], dialog.y + TRIAL[1])


def stored(desk: Desk) -> Path:
    """Return where GIMP keeps the values used last."""
    return desk.gimp.profile / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-neural-style.last"


def call(desk: Desk, style: bool = True, **values: object) -> int:
    """Begin an interactive call with arguments of its own, and a style; return the command's number.

    GIMP lets the values used last go before the caller's, so no call before may have succeeded.
    """
    put = "\n".join(
        f"c.set_property({name.replace('_', '-')!r}, {value!r})" for name, value in values.items()
    )
    return desk.begin(
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image); c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
        f"c.set_property('run-mode', Gimp.RunMode.INTERACTIVE)\n{put}\n"
        f"if {style}:\n"
        f" c.set_property('style-file', Gio.File.new_for_path({str(desk.gimp.folder / 'swirls.ppm')!r}))\n"
        "r = p.run(c); answer = r.index(0).value_nick"
    )


def test_a_trial_is_shown_in_the_dialog_stopped_and_thrown_away(desk: Desk) -> None:
    forget(desk)
    desk.gimp.mode("slow 60")
    number, screen = call(desk), desk.screen
    dialog = screen.wait_for(DIALOG)
    assert abs(shown(desk, dialog)[0] - PHOTO_RED) < 3
    plan = until(lambda: asked(desk, "plan"), 20, "the first plan")[0]
    assert (plan["content"]["width"], plan["content"]["height"]) == (480, 320)
    engine = (desk.gimp.fakes / "pid").read_text()

    screen.key(dialog, "alt+t")
    trial = until(lambda: asked(desk, "stylize"), 20, "the trial")[0]
    assert (trial["content"]["width"], trial["content"]["height"]) == (256, 171)
    assert trial["settings"]["size"] == 256
    assert trial["preview"]["max_side"] == 256
    until(lambda: abs(shown(desk, dialog)[0] - PHOTO_RED) > 60, 20, "the trial's picture")
    keep_picture(desk, "trial")
    screen.key(dialog, "alt+t")  # stops it: the result is the fake's copy
    until(lambda: abs(shown(desk, dialog)[0] - PHOTO_RED) < 3, 20, "the trial to stop")

    screen.key(dialog, "alt+t")
    until(lambda: len(asked(desk, "stylize")) == 2, 20, "another trial")
    until(lambda: abs(shown(desk, dialog)[0] - PHOTO_RED) > 60, 20, "its picture")
    before = len(asked(desk, "plan"))
    screen.key(dialog, "alt+a")
    screen.press("Tab", "Up")  # the seed
    until(lambda: abs(shown(desk, dialog)[0] - PHOTO_RED) < 3, 20, "the trial to be thrown away")
    plans = until(lambda: asked(desk, "plan")[before:], 20, "a plan with the new setting")
    assert plans[0]["settings"]["seed"] == 1
    assert (desk.gimp.fakes / "pid").read_text() == engine, "one process answers everything"

    screen.key(dialog, "alt+t")
    until(lambda: len(asked(desk, "stylize")) == 3, 20, "a third trial")
    screen.key(dialog, "Escape")  # in the middle of it
    assert desk.result(number) == "cancel"
    nothing_left(desk)


def test_a_trial_that_fails_says_so_and_the_next_one_works(desk: Desk) -> None:
    forget(desk)
    desk.gimp.mode("crash")
    number = call(desk)
    dialog = desk.screen.wait_for(DIALOG)
    desk.screen.key(dialog, "alt+t")
    until(lambda: asked(desk, "stylize"), 20, "the trial")
    time.sleep(1)
    keep_picture(desk, "trial-failed")
    desk.gimp.mode("invert")
    desk.screen.key(dialog, "alt+t")
    until(lambda: abs(shown(desk, dialog)[0] - (255 - PHOTO_RED)) < 3, 20, "the second trial")
    desk.gimp.mode("slow 60")
    desk.screen.key(dialog, "alt+p")
    desk.screen.key(desk.screen.wait_for(PAINTING), "Escape")
    dialog = desk.screen.wait_for(DIALOG)
    assert abs(shown(desk, dialog)[0] - (255 - PHOTO_RED)) < 3, "nothing was changed since the trial"
    desk.screen.key(dialog, "Escape")
    assert desk.result(number) == "cancel"
    nothing_left(desk)


def test_a_regions_colours_reach_the_plan_and_the_trial(desk: Desk) -> None:
    """Chosen by the keyboard, from the button of a second region, whose mask is called like its style."""
    swirls, screen = str(desk.gimp.folder / "swirls.ppm"), desk.screen
    desk.ask(
        f"names = ({swirls!r}, 'face')\n"
        "made = [Gimp.Channel.new(image, name, 480, 320, 50.0, Gegl.Color.new('red')) for name in names]\n"
        "for each in made: image.insert_channel(each, None, 0); each.fill(Gimp.FillType.WHITE)"
    )
    forget(desk)
    desk.gimp.mode("copy")
    number = call(desk, region_masks=["channel:face"], region_styles=[swirls], outside="keep")
    dialog = screen.wait_for(DIALOG)
    plan = until(lambda: asked(desk, "plan"), 20, "the first plan")[-1]
    assert [region.get("keep_colors") for region in plan["regions"]] == [None]
    assert [region["mask"]["covered"] for region in plan["regions"]] == [[0, 0, 480, 320]]
    screen.key(dialog, "alt+v")
    screen.key(dialog, "alt+g")
    time.sleep(1)
    screen.press("shift+Tab", "shift+Tab", "shift+Tab", "Down", "Down", "Down")
    keep_picture(desk, "region-colours")
    wanted = ["match", None]

    def colours(command: str) -> list[list[str | None]]:
        return [
            [region.get("keep_colors") for region in request["regions"]] for request in asked(desk, command)
        ]

    until(lambda: wanted in colours("plan"), 20, "a plan with the region's colours")
    screen.key(dialog, "alt+t")
    until(lambda: colours("stylize"), 20, "the trial")
    assert colours("stylize") == [wanted]
    screen.key(dialog, "Escape")
    assert desk.result(number) == "cancel"
    desk.ask("for each in made: image.remove_channel(each)")
    nothing_left(desk)


def test_a_style_used_last_is_forgotten_from_the_menu_that_the_menu_key_opens(desk: Desk) -> None:
    recent, screen = desk.gimp.home / ".local/share/nst/recent-styles.json", desk.screen
    recent.parent.mkdir(parents=True, exist_ok=True)
    used = [str(draw(desk.gimp.folder / f"{name}.ppm", 60, 40, 90)) for name in ("first", "second")]
    recent.write_text(json.dumps(used))
    desk.gimp.mode("copy")
    number = call(desk, style=False)
    dialog = screen.wait_for(DIALOG)
    screen.click(dialog.x + FIRST_STYLE[0], dialog.y + FIRST_STYLE[1])  # takes it, and has the focus then
    time.sleep(1)
    screen.key(dialog, "Menu")
    time.sleep(0.6)
    keep_picture(desk, "style-menu")
    screen.press("f")
    until(lambda: json.loads(recent.read_text()) == used[1:], 20, "the style to be forgotten")
    screen.key(dialog, "Escape")
    assert desk.result(number) == "cancel"
    assert Path(used[0]).exists(), "its file stays"
    recent.unlink()
    nothing_left(desk)


def style_menu(desk: Desk, dialog: Window, key: str) -> None:
    """Open the menu of the first style at hand and take the entry with that letter."""
    time.sleep(2)  # until the gallery shows what the engine has done
    desk.screen.click(dialog.x + FIRST_STYLE[0], dialog.y + FIRST_STYLE[1], "3")
    time.sleep(0.6)
    desk.screen.press(key)


def answer(desk: Desk, title: str, key: str, text: str = "") -> None:
    """Type into a window's first field, which is selected, press a key, and see the window close."""
    window = desk.screen.wait_for(title)
    if text:
        desk.screen.type(window, text)
    desk.screen.key(window, key)
    gone(desk, title)


def test_a_style_is_kept_renamed_exported_removed_and_imported(desk: Desk) -> None:
    """By the engine's own ``nst styles``, while the dialog is open."""
    kept, screen = desk.gimp.home / ".local/share/nst/styles", desk.screen
    packed = desk.gimp.folder / "swirls.styles.json"
    desk.gimp.mode("copy")
    number = call(desk, strength=70.0, tv=2.5)
    dialog = screen.wait_for(DIALOG)

    screen.key(dialog, "alt+k")
    naming = screen.wait_for("^Keep a Style$")
    keep_picture(desk, "keep")
    screen.key(naming, "alt+s")  # with the settings
    screen.key(naming, "alt+n")
    answer(desk, "^Keep a Style$", "Return", "Blue swirls")
    until((kept / "Blue swirls.png").exists, 20, "the kept style, its PPM made a PNG")
    settings = json.loads((kept / "Blue swirls.json").read_text())
    assert settings == {"strength": 70.0, "style_scale": 1.0, "keep_colors": "none", "tv": 2.5}

    style_menu(desk, dialog, "n")
    answer(desk, "^Rename the Style$", "Return", "Night")
    until((kept / "Night.png").exists, 20, "the new name")
    assert not (kept / "Blue swirls.png").exists()
    style_menu(desk, dialog, "e")
    screen.key(screen.wait_for("^Export Styles$"), "ctrl+a")  # its suffix would stay
    answer(desk, "^Export Styles$", "alt+e", str(packed))
    until(packed.exists, 20, "the exported file")
    assert json.loads(packed.read_text())["styles"][0]["settings"]["strength"] == 70.0

    style_menu(desk, dialog, "r")
    screen.wait_for("^Remove the Style$")
    keep_picture(desk, "remove")
    screen.press("Return")  # Cancel is the default
    gone(desk, "^Remove the Style$")
    assert (kept / "Night.png").exists()
    style_menu(desk, dialog, "r")
    answer(desk, "^Remove the Style$", "alt+r")
    until(lambda: not list(kept.glob("[!.]*.*")), 20, "the style to go")

    for again in (False, True):  # the second time it replaces what the first has brought
        time.sleep(1)
        screen.key(dialog, "alt+e")
        time.sleep(0.6)
        screen.press("i")
        answer(desk, "^Import Styles$", "alt+i", str(packed))
        if again:
            before = (kept / "Night.png").stat().st_mtime_ns
            screen.wait_for("^Replace Styles$")
            keep_picture(desk, "replace")
            answer(desk, "^Replace Styles$", "alt+r")
            until(lambda: (kept / "Night.png").stat().st_mtime_ns != before, 20, "the style to be replaced")  # noqa: B023
        until((kept / "Night.png").exists, 20, "the imported style")
    time.sleep(1)
    screen.key(dialog, "Escape")
    assert desk.result(number) == "cancel"
    assert sorted(path.name for path in kept.rglob("[!.]*.*")) == ["Night.json", "Night.png", "Night.png"]
    shutil.rmtree(kept)
    nothing_left(desk)


FACE = (200, 30, 80, 60)


def test_two_regions_from_layer_masks_around_a_face_with_kept_colours(desk: Desk) -> None:
    """From the dialog, with the real engine: one style taken from the gallery, one called like its mask.

    A selection leaves the face out. One undo takes it all back.
    """
    kept = desk.gimp.home / ".local/share/nst/styles"
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("coat", "swirls"):
        shutil.copy(desk.gimp.folder / "swirls.ppm", kept / f"{name}.bmp")
    names = ("coat", "sky")
    desk.ask(
        "from array import array\n"
        "for name, top in (('sky', 0), ('coat', 160)):\n"
        "    layer = Gimp.Layer.new_from_drawable(image.get_layers()[-1], image); layer.set_name(name)\n"
        "    image.insert_layer(layer, None, 0); mask = layer.create_mask(Gimp.AddMaskType.BLACK)\n"
        "    layer.add_mask(mask); buffer = mask.get_buffer()\n"
        "    ones = array('f', [1.0] * (480 * 120)).tobytes()\n"
        "    buffer.set(Gegl.Rectangle.new(0, top, 480, 120), 'Y float', ones); buffer.flush()\n"
        f"image.select_rectangle(Gimp.ChannelOps.REPLACE, *{FACE}); Gimp.Selection.invert(image)"
    )
    before = desk.layers()
    desk.gimp.mode("real")
    number = call(desk, style=False, size=64, iterations=10, keep_colors="luminance", outside="keep", seed=0)
    dialog = desk.screen.wait_for(DIALOG)
    desk.screen.key(dialog, "alt+v")
    for keys in (["space", "space"], ["space", "Tab", "space"]):
        desk.screen.key(dialog, "alt+g")
        time.sleep(1)
        desk.screen.press(*keys)  # opens the gallery, takes the first or second
        time.sleep(0.5)
    desk.screen.press("Tab", "Down")  # the sky's colours are the style's
    keep_picture(desk, "regions")
    desk.screen.key(dialog, "alt+p")
    assert desk.result(number, 60) == "success"
    assert len(desk.layers()) == len(before) + 1
    told = json.loads(record(desk))
    assert [region["mask"] for region in told["regions"]] == list(names)
    assert [region.get("keep_colors") for region in told["regions"]] == [None, "none"]
    assert [region["styles"][0]["style"].rpartition("/")[2] for region in told["regions"]] == [
        "coat.bmp",
        "swirls.bmp",
    ]
    assert told["settings"]["keep-colors"] == "luminance"
    assert "styles" not in told
    same = desk.ask(
        "def part(layer, *box):\n"
        "    data = layer.get_buffer().get(Gegl.Rectangle.new(*box), 1.0, \"R'G'B' u8\", 0)\n"
        "    return bytes(data)\n"
        "photo, painted = image.get_layers()[-1], image.get_layers()[-2]\n"
        f"parts = [(0, y, 480, 1) for y in (60, 140, 220, 300)] + [{FACE}]\n"
        "answer = [part(photo, *box) == part(painted, *box) for box in parts]"
    )
    assert same == [False, True, False, True, True]
    nothing_left(desk)
    assert '(region-masks 2 "layer:coat" "layer:sky")' in stored(desk).read_text()
    assert '(region-colors 2 "" "none")' in stored(desk).read_text()
    desk.gimp.mode("copy")
    forget(desk)
    desk.ask(  # what Repeat Filter does
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image); c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
        "c.set_property('run-mode', Gimp.RunMode.WITH_LAST_VALS); p.run(c)"
    )
    (repeated,) = asked(desk, "stylize")
    assert [region["name"] for region in repeated["regions"]] == list(names)
    assert [region.get("keep_colors") for region in repeated["regions"]] == [None, "none"]
    assert repeated["settings"]["keep-colors"] == "luminance"
    assert len(desk.layers()) == len(before) + 2
    desk.screen.key(desk.main, "ctrl+z")
    until(lambda: len(desk.layers()) == len(before) + 1, 10, "one undo")
    recent = json.loads((kept.parent / "recent-styles.json").read_text())
    assert str(kept / "coat.bmp") in recent
    desk.screen.key(desk.main, "ctrl+z")
    until(lambda: desk.layers() == before, 10, "one undo")
