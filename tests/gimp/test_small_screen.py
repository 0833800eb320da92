"""The dialog on a small screen: nothing out of view, a name for every control, masks over the picture.

At the start the engine is not usable: the dialog says so in one sentence, and its buttons help without
restarting GIMP. Stand-ins take the place of the installer and of the network's server.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gimp import screen_reader
from tests.gimp.desktop import DIALOG, GimpDesktop, Widget
from tests.gimp.screen import Window
from tests.gimp.screen_reader import ScreenReader
from tests.gimp.start import HERE, VERSIONS, Gimp, draw

SMALL = (1024, 600)

INSTALLER = """
import json, os, sys, time
from pathlib import Path

folder = Path(__file__).parent
assert sys.argv[1:] == ["--events", "repair"]
print(json.dumps({"event": "say", "text": "Engine"}), flush=True)
done = 0
while not (folder / "may-end").exists():
    done = min(done + 1_000_000, 90_000_000)
    progress = {"event": "bar", "label": "onnxruntime", "done": done, "total": 100_000_000}
    print(json.dumps(progress), flush=True)
    time.sleep(0.05)
os.chmod(folder / "venv" / "bin" / "python", 0o755)
"""


@pytest.fixture(scope="module", params=VERSIONS)
def small_gimp(request: pytest.FixtureRequest, gimp: Gimp, rates_folder: Path) -> Iterator[Gimp]:
    """A profile whose engine is installed as by the installer, but may not be executed."""
    folder = Path(tempfile.mkdtemp(prefix="gimpsmall"))
    variables = {"NST_CACHE": str(rates_folder)}
    small = Gimp(folder=folder, version=request.param, use_fake_engine=False, variables=variables)
    small.add_ready_styles()
    del small.variables["NST_PYTHON"]
    python = folder / "venv" / "bin" / "python"
    shutil.copy(HERE / "fake_engine.py", python)
    installer = folder / "install.py"
    installer.write_text(INSTALLER)
    if small.version == gimp.version and (gimp.profile / "pluginrc").exists():
        shutil.copy2(gimp.profile / "pluginrc", small.profile)  # GIMP's plug-ins need not be queried again
    yield small
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def reader(small_gimp: Gimp) -> Iterator[ScreenReader | None]:
    if not screen_reader.is_available(small_gimp):
        yield None
        return
    reader = ScreenReader(small_gimp)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def desktop(small_gimp: Gimp, reader: ScreenReader | None) -> Iterator[GimpDesktop]:
    draw(small_gimp.folder / "swirls.ppm", 200, 150, 30)
    desktop = GimpDesktop(small_gimp, draw(small_gimp.folder / "photo.ppm", 480, 320, 200), SMALL)
    desktop.open_photo()
    yield desktop
    desktop.close()


def write_record(desktop: GimpDesktop) -> Path:
    """Write the installer's record, and return the engine's Python, which is not executable."""
    folder = desktop.gimp.folder
    python = folder / "venv" / "bin" / "python"
    python.chmod(0o644)
    interpreter = "/usr/bin/python3" if desktop.gimp.kind == "root" else sys.executable
    record = desktop.gimp.home / ".local" / "share" / "nst" / "engine.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    fields = {"python": str(python), "version": "1", "installer": [interpreter, str(folder / "install.py")]}
    record.write_text(json.dumps(fields))
    return python


def button(desktop: GimpDesktop, window: Window, text: str) -> Widget:
    return desktop.wait_for_widget(
        window, lambda widget: widget.kind == "Button" and widget.text == text, f"the button {text}"
    )


def can_paint(desktop: GimpDesktop, dialog: Window) -> bool:
    return button(desktop, dialog, "Paint").sensitive


def test_engine_that_may_not_be_executed_is_repaired_from_the_dialog(desktop: GimpDesktop) -> None:
    python = write_record(desktop)
    desktop.gimp.set_engine_mode("no-network")
    number = desktop.begin_filter(desktop.gimp.folder / "swirls.ppm")
    dialog = desktop.wait_for_window(DIALOG)
    sentence = "is not allowed to be executed."
    desktop.wait_for_widget(dialog, lambda widget: widget.text.endswith(sentence), "the sentence")
    shown = [widget.text for widget in desktop.widgets(dialog)]
    assert sum(str(python) in text for text in shown) == 1, "it is said once"
    assert not can_paint(desktop, dialog)
    assert "Get VGG-19…" not in shown
    desktop.keep_picture("engine-not-executable")

    desktop.press(dialog, "alt+i")
    window = desktop.wait_for_window("^Installing Neural Style$")
    desktop.wait_for_widget(window, lambda widget: widget.text == "90 MB of 100 MB", "the bytes")
    desktop.keep_picture("installing")
    desktop.screen.key("Escape", window)
    desktop.wait_until_gone("^Installing Neural Style$")
    assert not can_paint(desktop, dialog)

    (desktop.gimp.folder / "may-end").touch()
    desktop.press(dialog, "alt+i")
    desktop.wait_until_gone("^Installing Neural Style$")
    get_network(desktop, dialog)
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"
    desktop.wait_until_clean()


def get_network(desktop: GimpDesktop, dialog: Window) -> None:
    """Get the missing network: cancel once, then go on from there."""
    fake = desktop.gimp.fake_folder
    (fake / "slow-network").touch()
    button(desktop, dialog, "Get VGG-19…")
    assert not can_paint(desktop, dialog)
    desktop.keep_picture("no-network")
    desktop.press(dialog, "alt+9")
    window = desktop.wait_for_window("^Getting VGG-19$")
    desktop.wait_for_widget(window, lambda widget: widget.text.endswith("MB of 575 MB"), "the bytes")
    desktop.keep_picture("getting-network")
    desktop.screen.key("Escape", window)
    desktop.wait_until_gone("^Getting VGG-19$")
    assert int((fake / "received").read_text()) > 0
    (fake / "slow-network").unlink()
    desktop.press(dialog, "alt+9")
    desktop.wait_until_gone("^Getting VGG-19$")
    desktop.wait_until(lambda: can_paint(desktop, dialog), "a dialog that can paint")
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("On Fake device"), "the plan")


PAGES = {"alt+y": "Style", "alt+v": "Several styles, regions", "alt+a": "Advanced"}
PANES = ("page tab list", "scroll pane", "viewport", "panel", "filler")
"""What can have the focus without being a control: it needs a name, but no tooltip and no letter."""


def test_every_control_is_on_the_screen_and_has_a_name_a_tooltip_and_a_letter(
    desktop: GimpDesktop, reader: ScreenReader | None
) -> None:
    write_record(desktop).chmod(0o755)
    desktop.gimp.set_engine_mode("copy")
    number = desktop.begin_filter(desktop.gimp.folder / "swirls.ppm")
    dialog = desktop.wait_for_window(DIALOG)
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("On Fake device"), "the plan")
    for keys, page in PAGES.items():
        desktop.press(dialog, keys)
        desktop.keep_picture(f"small-{page.partition(' ')[0].lower()}")
        (shown,) = desktop.screen.windows(DIALOG)
        assert shown.width <= SMALL[0]
        assert shown.height <= SMALL[1]
        controls = reader.controls("Neural Style") if reader is not None else []
        assert len(controls) > 6 or reader is None
        assert [control for control in controls if not control.name] == []
        used = [control for control in controls if control.role not in PANES]
        assert [control for control in used if not control.description] == []
        pressed = [control.keys for control in used if control.role == "button" and control.keys]
        assert len(set(pressed)) == len(pressed), "each button has a letter of its own"
    fields = [control.keys for control in used if control.role in ("spin button", "text")]
    assert sum(map(bool, fields)) > len(fields) // 2
    assert not set(fields) & {"<Alt>y", "<Alt>v", "<Alt>a", *pressed}, "pages and buttons keep their letters"
    desktop.press(dialog, "alt+y")
    desktop.screen.key("alt+f", dialog)
    picker = desktop.wait_for_window("^Choose a painting$")
    desktop.keep_picture("small-picker")
    assert 0 <= picker.x <= SMALL[0] - picker.width
    assert 0 <= picker.y <= SMALL[1] - picker.height
    desktop.screen.key("Escape", picker)
    desktop.wait_until_gone("^Choose a painting$")
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"


def test_mask_of_a_region_is_laid_over_the_picture(desktop: GimpDesktop) -> None:
    desktop.ask(
        "image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 240, 320)\n"
        "channel = Gimp.Selection.save(image); channel.set_name('left'); Gimp.Selection.none(image)"
    )
    write_record(desktop).chmod(0o755)
    swirls = desktop.gimp.folder / "swirls.ppm"
    desktop.forget_last_values()
    number = desktop.begin_filter(swirls, region_masks=["channel:left"], region_styles=[str(swirls)])
    dialog = desktop.wait_for_window(DIALOG)
    desktop.press(dialog, "alt+v")
    picture = desktop.wait_for_widget(
        dialog, lambda widget: widget.kind == "Image" and widget.parent == "EventBox", "the picture"
    )
    left, right = (
        (picture.x + picture.width * share // 4, picture.y + picture.height // 2) for share in (1, 3)
    )
    before = desktop.screen.pixel(*left), desktop.screen.pixel(*right)
    row = desktop.wait_for_widget(dialog, lambda widget: widget.text == "left (channel)", "the region's mask")
    desktop.screen.move(*row.middle)
    desktop.wait_until(lambda: desktop.screen.pixel(*left) != before[0], "the mask over the picture")
    desktop.widgets(dialog)
    desktop.keep_picture("mask-over-picture")
    tinted, shaded = desktop.screen.pixel(*left), desktop.screen.pixel(*right)
    assert tinted[1] < before[0][1], "the covered half is tinted magenta"
    assert tinted[0] >= before[0][0] - 1
    assert max(shaded) < 0.6 * max(before[1]), "the other half is darkened"
    desktop.screen.move(5, 5)
    desktop.wait_until(lambda: desktop.screen.pixel(*left) == before[0], "the picture itself")
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"
    desktop.ask("image.remove_channel(channel)")


def test_selection_becomes_a_region_with_one_click(desktop: GimpDesktop) -> None:
    """The image stays as it is until it is painted; then the selection is a channel, and limits nothing."""
    write_record(desktop).chmod(0o755)
    swirls = str(desktop.gimp.folder / "swirls.ppm")
    desktop.ask("image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 40, 100, 80)")
    unchanged = "answer = [image.is_dirty(), len(image.get_channels()), Gimp.Selection.is_empty(image)]"
    before = desktop.ask(unchanged)
    for end in ("Escape", "alt+p"):
        desktop.forget_last_values()
        number = desktop.begin_filter(Path(swirls), region_masks=[], region_styles=[])
        dialog = desktop.wait_for_window(DIALOG)
        desktop.press(dialog, "alt+v", "alt+f")
        name = "Selection 1 (from the image)"
        desktop.wait_for_widget(dialog, lambda widget, name=name: widget.text == name, "the region")
        desktop.press(dialog, "space", "space")  # the style's popover: its first style
        desktop.keep_picture("from-the-selection")
        desktop.screen.key(end, dialog)
        if end == "Escape":
            assert desktop.result(number) == "cancel"
            assert desktop.ask(unchanged) == before
    assert desktop.result(number) == "success"
    request = json.loads((desktop.gimp.fake_folder / "request.json").read_text())
    (region,) = request["regions"]
    assert (request["content"]["width"], request["content"]["height"]) == (480, 320)
    assert region["name"] == "Selection 1"
    assert "selection" not in request
    painted = (desktop.gimp.fake_folder / "mask-0.f32").read_bytes()
    assert sum(painted[3::4]) // 63 == 100 * 80, "1.0 in float32 ends with the byte 63"
    state = (
        "channel = image.get_channels()[0]\n"
        "answer = [channel.get_name(), channel.get_visible(), Gimp.Selection.is_empty(image)]"
    )
    assert desktop.ask(state) == ["Selection 1", False, True]
    assert json.loads(desktop.record())["regions"][0]["mask"] == "Selection 1"
