"""Seconds of a 12-megapixel layer from GIMP to an engine and back, including the start of the engine.

    python tests/bench/gimp_overhead.py [megapixels]

First it measures the start of the real engine: to its greeting, and from a request until all painting code is
imported. Then the filter in a real GIMP runs the tests' fake engine, which takes exactly as long to start and
copies its input, so that only the transfer is measured. The second of two runs counts, when files are cached.
Exits with 1 if 12 megapixels take longer than the promised 3 seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.gimp.start import Gimp

PROMISED = 3.0
SCRIPT = """
import time
width, height = {width}, {height}
Gegl.init(None)
image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
layer = Gimp.Layer.new(image, "photo", width, height, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(layer, None, 0)
row = bytes(range(256)) * (3 * width // 256 + 1)
buffer = layer.get_buffer()
buffer.set(buffer.get_extent(), "R'G'B' u8", row[: 3 * width] * height)
buffer.flush()
other = Gimp.Image.new(512, 512, Gimp.ImageBaseType.RGB)
style = Gimp.Layer.new(other, "style", 512, 512, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
other.insert_layer(style, None, 0)
procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
config = procedure.create_config()
config.set_property("image", image)
config.set_core_object_array("drawables", [layer])
config.set_property("style-layer", style)
for _ in range(2):
    started = time.monotonic()
    answer = procedure.run(config)
    assert answer.index(0) == Gimp.PDBStatusType.SUCCESS, answer.index(1)
    print("seconds", time.monotonic() - started, flush=True)
image.delete()
other.delete()
"""


def transfer_seconds(width: int, height: int, start: tuple[float, float]) -> float:
    """Return the seconds from the call of the filter to its new layer, with an engine that copies."""
    with tempfile.TemporaryDirectory(prefix="gimp-bench-") as folder:
        gimp = Gimp(folder=Path(folder))
        gimp.set_engine_mode("late {:.3f} {:.3f}".format(*start))
        done = gimp.batch(SCRIPT.format(width=width, height=height))
    seconds = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seconds")]
    if len(seconds) < 2:
        raise SystemExit(done.stdout + done.stderr)
    return seconds[-1]


def engine_start(python: str) -> tuple[float, float]:
    """Return the seconds to the real engine's greeting, and from a request to its answer.

    It refuses the request, whose pictures do not exist, but only after importing all painting code.
    """
    times = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="nst-job-") as folder:
            request = {"protocol": 1, "command": "stylize", "job_directory": folder, "settings": {}}
            pixels = {"path": f"{folder}/none.f32", "width": 1, "height": 1, "channels": 3}
            request.update(content=pixels, styles=[pixels], result=f"{folder}/result.f32")
            started = time.monotonic()
            process = subprocess.Popen(
                [python, "-I", "-m", "nst_core.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            hello = json.loads(process.stdout.readline())
            greeted = time.monotonic()
            # The plug-in reads pixels meanwhile; 12 megapixels take half a second.
            time.sleep(0.5)
            asked = time.monotonic()
            process.stdin.write((json.dumps(request) + "\n").encode())
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            times.append((greeted - started, time.monotonic() - asked))
            process.stdin.close()
            process.wait()
            if (hello["event"], answer["event"]) != ("hello", "error"):
                raise SystemExit(f"The engine answered {hello}, {answer}.")
    return times[-1]


def main() -> int:
    """Measure, print, compare."""
    megapixels = float(sys.argv[1]) if len(sys.argv) > 1 else 12.0
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    start = engine_start(os.environ.get("NST_PYTHON") or sys.executable)
    bare = transfer_seconds(width, height, (0.0, 0.0))
    total = transfer_seconds(width, height, start)
    print(f"layer: {width} x {height}, RGB, 8 bit, as float32 to the engine and back")
    print(f"the real engine's start: {start[0]:.2f} s to its greeting, {start[1]:.2f} s after the request")
    print(f"there and back, with an engine that starts at once: {bare:.2f} s")
    print(f"there and back, with one that starts like the real: {total:.2f} s")
    print(f"of the {PROMISED:.0f} s promised for 12 megapixels: {total / PROMISED:.2f}")
    return int(megapixels <= 12.0 and total > PROMISED)


if __name__ == "__main__":
    sys.exit(main())
