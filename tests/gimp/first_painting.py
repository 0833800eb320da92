"""From a bare Debian with GIMP to a painting: one command, a photograph of 12 megapixels, three clicks.

    python -m tests.gimp.first_painting FOLDER [--photo FILE] [--version 3.0|3.2] [--choose Good|Quick|Full]
        [--work FOLDER] [--free-processors]

Installs with ``install/quickstart``, in a new home folder in the Debian that ``tests/gimp/provision`` makes:
it has GIMP and its Python, and no engine. Then it starts GIMP on a virtual screen, opens the photograph
(enlarged to 12 megapixels), and clicks: on Filters, on Neural Style… under Artistic, and on Paint. The style
and how long to paint are what the dialog chooses at its first start; ``--choose`` clicks on another of those
choices. FOLDER gets a picture of the screen before each click, the painting, and parts of it at 100 %.

On a busy machine, ``--free-processors`` shows what an idle one with two processors would do: the clock of the
engine then counts the seconds that the processors compute for it. ``--work`` names the folder of everything
else, which is kept; with that of an earlier run, the installation takes seconds.

Prints the seconds of each step, the processor's seconds of the painting, and the minutes that the dialog
promised. Needs the network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.gimp.desktop import DIALOG, PAINTING_WINDOW, GimpDesktop, Widget
from tests.gimp.screen_reader import ScreenReader
from tests.gimp.start import HERE, REPOSITORY, Gimp

SIZE = (4000, 3000)
PART = (900, 700)
SAMPLE = REPOSITORY / "install" / "samples" / "content.jpg"
FREE_PROCESSORS = "import time; time.perf_counter = lambda clock=time.process_time: clock() / 1.8\n"
"""A line for the engine's Python. Two processors are 1.8 times as fast as one."""

AUTHORITIES = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")


def bare_gimp(folder: Path, version: str) -> Gimp:
    """Return a GIMP that was never started, for a user who has nothing yet."""
    os.environ.pop("NST_MODELS", None)
    for name in ("commands", "probe", "home/.config/gtk-3.0"):
        shutil.rmtree(folder / name, ignore_errors=True)
    gimp = Gimp(folder=folder, version=version, use_fake_engine=False)
    shutil.rmtree(gimp.profile)  # GIMP makes its own, and the installer puts the filter into it
    gimp.profile = gimp.home / ".config" / "GIMP" / version
    gimp.plug_in = gimp.profile / "plug-ins" / "neural-style"
    authorities = shutil.copy(AUTHORITIES, folder / "authorities.pem")
    gimp.variables.update(
        OMP_NUM_THREADS="2", OMP_WAIT_POLICY="PASSIVE", SSL_CERT_FILE=authorities, PIP_CERT=authorities
    )
    if gimp.kind == "root":
        shutil.copyfile("/etc/resolv.conf", gimp.location / "etc" / "resolv.conf")
    return gimp


def install(gimp: Gimp) -> None:
    """Run the one command. The sample that it paints is small, since it is not what is timed here."""
    command = ["env", "-u", "GIMP3_DIRECTORY", str(REPOSITORY / "install" / "quickstart"), "--size", "64"]
    subprocess.run(gimp.command_line(command), check=True, stdin=subprocess.DEVNULL)
    assert gimp.plug_in.is_dir(), "the installer put the filter into GIMP's profile"


def free_processors(gimp: Gimp) -> None:
    """Let the engine measure time by its own computing, as if nothing else needed the processors."""
    (packages,) = gimp.home.glob(".local/share/nst/venv*/lib/python3*/site-packages")
    (packages / "free-processors.pth").write_text(FREE_PROCESSORS)
    (gimp.home / ".cache/nst/rates.json").unlink(missing_ok=True)


class Clicks:
    """Clicks on the screen of ``desktop``, each with a picture of the screen just before it."""

    def __init__(self, desktop: GimpDesktop, target: Path) -> None:
        self.desktop, self.target, self.count = desktop, target, 0

    def at(self, point: tuple[int, int]) -> None:
        """Move to a point, take the picture, and click."""
        self.desktop.screen.move(*point)
        self.count += 1
        self.desktop.screen.picture(self.target / f"click-{self.count}.png")
        self.desktop.screen.click(*point)

    def menu_item(self, name: str) -> tuple[int, int]:
        """Return the middle of a menu item, once it is shown."""
        command = self.desktop.gimp.command_line(["python3", str(HERE / "inside" / "point_at.py"), name])

        def find() -> list[str]:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return done.stdout.split()

        x, y = self.desktop.wait_until(find, f"the menu item {name}")
        return int(x), int(y)


def paint(desktop: GimpDesktop, target: Path, choice: str) -> None:
    """Click three times, wait for the painting, and keep it."""
    clicks = Clicks(desktop, target)
    desktop.screen.focus(desktop.main)
    clicks.at(clicks.menu_item("Filters"))
    desktop.screen.move(*clicks.menu_item("Artistic"))  # a submenu opens by itself
    clicks.at(clicks.menu_item("Neural Style…"))
    dialog = desktop.wait_for_window(DIALOG)
    opened = time.monotonic()
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("On CPU:"), "the plan")
    print(f"the plan was there after {time.monotonic() - opened:.0f} s")
    if choice:
        radio = desktop.wait_for_widget(dialog, lambda widget: widget.text == choice, choice)
        clicks.at(radio.middle)
    for widget in desktop.widgets(dialog):
        if widget.text.startswith(("about ", "On CPU:")) or (widget.kind == "RadioButton" and widget.active):
            print("  ", widget.text.replace("\n", " "))
    button = desktop.wait_for_widget(dialog, is_paint_button, "the button Paint")
    clicks.at(button.middle)
    begun = time.monotonic()
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.screen.picture(target / "painting.png", painting)
    used: dict[int, float] = {}
    while desktop.screen.windows(PAINTING_WINDOW):
        assert desktop.process.poll() is None, "GIMP ended"
        for number in desktop.gimp.processes("nst_core.worker"):
            used[number] = max(used.get(number, 0.0), processor_seconds(number))
        time.sleep(1.0)
    desktop.wait_until(lambda: len(desktop.layers()) == 2, "the painting as a layer")
    print(f"{clicks.count} clicks; the painting took {time.monotonic() - begun:.0f} s,")
    print(f"   in which the engine computed {sum(used.values()):.0f} s, on both processors together")
    settings = json.loads(desktop.record())
    print(
        "   the record says", {name: settings.get(name) for name in ("seconds", "painted_size", "settings")}
    )
    desktop.screen.picture(target / "result.png")


def processor_seconds(number: int) -> float:
    """Return the seconds that a process has computed, or 0 if it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def is_paint_button(widget: Widget) -> bool:
    """Whether a widget is the dialog's button that paints, and can be pressed."""
    return widget.kind == "Button" and widget.text == "Paint" and widget.sensitive


def export(desktop: GimpDesktop, target: Path) -> None:
    """Write the painting as a file, small for looking at it, and parts of it as large as they are."""
    whole = desktop.gimp.folder / "painted.png"
    desktop.ask(
        f"file = Gio.File.new_for_path({str(whole)!r})\n"
        "answer = Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)"
    )
    picture = Image.open(whole).convert("RGB")
    picture.save(target / "painted.jpg", quality=92)
    small = picture.copy()
    small.thumbnail((1200, 900))
    small.save(target / "painted-small.png")
    for name, (x, y) in {"middle": (0.5, 0.5), "upper": (0.7, 0.25), "lower": (0.25, 0.75)}.items():
        left, top = round(x * picture.width - PART[0] / 2), round(y * picture.height - PART[1] / 2)
        part = picture.crop((left, top, left + PART[0], top + PART[1]))
        part.save(target / f"part-{name}.png")


def main() -> None:
    """Install, click, and keep what there is to see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path, metavar="FOLDER")
    parser.add_argument("--photo", type=Path, default=SAMPLE)
    parser.add_argument("--version", default="3.0")
    parser.add_argument("--choose", default="")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--free-processors", action="store_true")
    chosen = parser.parse_args()
    chosen.target.mkdir(parents=True, exist_ok=True)
    folder = chosen.work or Path(tempfile.mkdtemp(prefix="firstpainting"))
    folder.mkdir(parents=True, exist_ok=True)
    gimp = bare_gimp(folder, chosen.version)
    begun = time.monotonic()
    install(gimp)
    print(f"the installation took {time.monotonic() - begun:.0f} s")
    if chosen.free_processors:
        free_processors(gimp)
    photo = folder / "photo.jpg"
    Image.open(chosen.photo).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS).save(photo, quality=95)
    reader = ScreenReader(gimp)
    desktop = GimpDesktop(gimp, photo)
    try:
        open_photo(desktop)
        paint(desktop, chosen.target, chosen.choose)
        export(desktop, chosen.target)
    finally:
        desktop.close()
        reader.close()
        if not chosen.work:
            shutil.rmtree(folder, ignore_errors=True)


def open_photo(desktop: GimpDesktop) -> None:
    """Show the photograph in a window, as a double click on its file would."""
    desktop.ask(
        f"file = Gio.File.new_for_path({str(desktop.photo)!r})\n"
        "image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)\n"
        "display = Gimp.Display.new(image); Gimp.displays_flush()"
    )
    desktop.main = desktop.main_window()


if __name__ == "__main__":
    main()
