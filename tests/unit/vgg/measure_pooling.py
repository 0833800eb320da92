"""Print the ratio of activations with average pooling to those with max pooling, on given pictures.

``python -m tests.unit.vgg.measure_pooling PICTURE...`` printed the numbers in the docstring of
``AVERAGE_POOL_GAIN`` in ``nst_core/vgg/layers.py``. It uses VGG-16 from the model store.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.store import ModelStore

LAYERS = ("relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
SIDE = 512


def main(paths: list[str]) -> None:
    network = ModelStore().resolve("vgg16")
    extractors = [OnnxFeatures(network, "cpu", pooling) for pooling in ("max", "average")]
    ratios = []
    for path in paths:
        with Image.open(path) as file:
            picture = file.convert("RGB")
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        pixels = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255
        max_rms, average_rms = (
            [float(np.sqrt(np.mean(value**2))) for value in extractor.features(pixels, LAYERS).values()]
            for extractor in extractors
        )
        ratios.append(np.divide(average_rms, max_rms))
        print(path.rpartition("/")[2], *(f"{ratio:.3f}" for ratio in ratios[-1]))
    print("mean", *(f"{name} {mean:.3f}" for name, mean in zip(LAYERS, np.mean(ratios, axis=0), strict=True)))
    print("spread", *(f"{spread:.3f}" for spread in np.std(ratios, axis=0)))


if __name__ == "__main__":
    main(sys.argv[1:])
