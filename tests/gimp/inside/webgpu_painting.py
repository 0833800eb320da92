"""Run inside GIMP by ``tests/gimp/test_webgpu.py``: paint a small layer on the device webgpu."""

from __future__ import annotations

import json
from pathlib import Path

from tests.gimp.inside.cases import Gimp, floats, new_image, new_layer, paint, record_of, set_engine_mode


def run(result_path: str) -> None:
    """Paint, and write the record of the painting and whether its pixels differ from the photo's."""
    image = new_image(40, 36)
    layer = new_layer(image, alpha=False, size=(40, 36))
    set_engine_mode("real")
    painted = paint(
        image,
        layer,
        device="webgpu",
        engine="onnx",
        size=36,
        iterations=2,
        matching=0.0,
        structure=0.0,
        content_layers="relu2_1",
        style_layers="relu1_1,relu2_1",
    )
    differs = list(floats(painted)) != list(floats(layer))
    Path(result_path).write_text(json.dumps({"record": record_of(painted), "differs": differs}))
    for left in Gimp.get_images():  # the photo's, and the style's
        left.delete()
