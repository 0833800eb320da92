"""Peak memory of each step, in copies of the picture's float pixels."""

import subprocess
import sys

import pytest

MEGAPIXELS = 3

MEASURE = """
import pathlib, re, resource, sys
import numpy as np
from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import keep_luminance, match_colors
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import resize_picture
from nst_core.images.write import write_picture
from tests.unit.images import build

def peak():
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        # On Linux, ru_maxrss starts at the value of the parent process.
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

step, folder = sys.argv[1:]
path = folder + "/x.tif"
small = Picture(np.zeros((64, 64, 3), np.float32), profile=build.PROFILES["adobe"], bits=16)
write_picture(small, folder + "/small.tif", force=True)
read_picture(folder + "/small.tif")
keep_luminance(small.pixels, small.pixels)
height, width = 2000, %d * 500
if step == "read":
    before = peak()
    picture = read_picture(path)
else:
    pixels = np.full((height, width, 3), 0.4, np.float32)
    alpha = np.ones((height, width), np.float32)
    alpha[500:1500] = 0
    before = peak() - pixels.nbytes
    if step == "write":
        write_picture(Picture(pixels, bits=16, profile=build.PROFILES["adobe"]), path, force=True)
    elif step == "resize":
        resize_picture(Picture(pixels, alpha), 1500, 2000)
    elif step == "fill":
        fill_transparent(pixels, alpha)
    elif step == "keep":
        keep_luminance(pixels, pixels)
    elif step == "match":
        match_colors(pixels, pixels)
print((peak() - before) / (height * width * 12))
"""


def measure_copies(step, folder):
    command = [sys.executable, "-c", MEASURE % MEGAPIXELS, step, str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


LONG_STEPS = [pytest.param(step, marks=pytest.mark.long) for step in ("fill", "keep", "match")]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["read", "write", "resize", *LONG_STEPS])
def test_memory_stays_below_five_copies_of_the_pixels(tmp_path, step):
    if step == "read":
        measure_copies("write", tmp_path)
    assert 1 <= measure_copies(step, tmp_path) < 5
