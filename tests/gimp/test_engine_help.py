"""An engine that is not usable: the sentence, and the buttons that help without restarting GIMP.

On a small screen, with a stand-in for the installer and for the network's server.
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
from tests.gimp.start import HERE, Gimp, draw

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


@pytest.fixture(scope="module")
def small_gimp(gimp: Gimp, rates_folder: Path) -> Iterator[Gimp]:
    """A profile whose engine is installed as by the installer, but may not be executed."""
    folder = Path(tempfile.mkdtemp(prefix="gimpsmall"))
    small = Gimp(folder=folder, use_fake_engine=False, variables={"NST_CACHE": str(rates_folder)})
    small.add_ready_styles()
    del small.variables["NST_PYTHON"]
    python = folder / "venv" / "bin" / "python"
    shutil.copy(HERE / "fake_engine.py", python)
    installer = folder / "install.py"
    installer.write_text(INSTALLER)
    if (gimp.profile / "pluginrc").exists():
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
    desktop.press(dialog, "alt+1")
    window = desktop.wait_for_window("^Getting VGG-19$")
    desktop.wait_for_widget(window, lambda widget: widget.text.endswith("MB of 575 MB"), "the bytes")
    desktop.keep_picture("getting-network")
    desktop.screen.key("Escape", window)
    desktop.wait_until_gone("^Getting VGG-19$")
    assert int((fake / "received").read_text()) > 0
    (fake / "slow-network").unlink()
    desktop.press(dialog, "alt+1")
    desktop.wait_until_gone("^Getting VGG-19$")
    desktop.wait_until(lambda: can_paint(desktop, dialog), "a dialog that can paint")
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("On Fake device"), "the plan")
