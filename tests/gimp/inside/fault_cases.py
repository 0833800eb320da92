"""Faults: every end of the engine's process is reported in a sentence, and the image stays as it is."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    REFUSAL,
    Gimp,
    assert_refused,
    case,
    last_request,
    new_image,
    new_layer,
    paint,
    set_engine_mode,
)

FAULTS = {
    "error out-of-memory": ("memory",),
    "error no-model": ("nst models fetch",),
    "error disk-full": ("disk",),
    "error no-device": ("The fake engine was told to fail.", "Tell it not to."),
    "error something-new": ("The fake engine was told to fail.", "Tell it not to."),
    "error internal": ("The fake engine was told to fail.", "gimp-engine.log"),
    "missing-core": ("nst-core", "installer"),
    "crash": ("exit code 3", "gimp-engine.log"),
    "crash-on-request": ("exit code 7", "gimp-engine.log"),
    "killed": ("memory", "gimp-engine.log"),
    "garbage": ("gimp-engine.log",),
    "flood": ("gimp-engine.log",),
    "wrong-protocol": ("0.0.1", "installer"),
    "wrong-size": ("size", "installer"),
    "no-result": ("size", "installer"),
}
"""Mode of the fake engine -> words of the message."""


@case(*[(fault.replace("error ", ""), fault) for fault in FAULTS], allowed=REFUSAL)
def fault_is_reported_and_changes_nothing(fault):
    image = new_image()
    layer = new_layer(image)
    set_engine_mode(fault)
    assert_refused(image, [layer], *FAULTS[fault])
    set_engine_mode("copy")
    paint(image, layer)


BAD_VALUES = {
    "strength": (150.0, ("strength", "150", "0", "100")),
    "style-scale": (0.0, ("style-scale", "0")),
    "size": (-1, ("size", "-1")),
    "quality": ("fast", ("quality", "“fast”", "draft, normal, fine")),
    "keep-colors": ("luminence", ("“luminance”",)),
    "tv": (1e9, ("tv", "1e+09")),
    "alpha": (-1e250, ("alpha", "-1e+250")),
}
"""Setting -> a value that it cannot have, and words of the message."""


@case(*[(name, name) for name in BAD_VALUES], allowed=REFUSAL, long=["size", "tv", "alpha"])
def bad_value_is_refused_and_not_replaced(name):
    image = new_image()
    value, words = BAD_VALUES[name]
    assert_refused(image, [new_layer(image)], *words, **{name.replace("-", "_"): value})


@case(allowed=REFUSAL)
def real_engine_refuses_with_a_message():
    image = new_image(96, 80)
    layer = new_layer(image)
    set_engine_mode("real")
    assert_refused(image, [layer], "conv9_9", style_layers="conv9_9")
    assert_refused(image, [layer], "no-such-network", model="no-such-network")


@case()
def engine_starts_in_a_scrubbed_environment():
    image = new_image()
    paint(image, new_layer(image))
    env = json.loads((FAKE_FOLDER / "environment.json").read_text())
    assert not {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH"} & set(env)
    assert env["PYTHONUTF8"] == "1"


@case()
def request_follows_the_protocol():
    image = new_image(64, 48)
    paint(image, new_layer(image), strength=33.0, quality="fine", iterations=9, size=0)
    request = last_request()
    assert request["protocol"] == 1
    assert request["command"] == "stylize"
    assert Path(request["job_directory"]).name.startswith("nst-job-")
    assert request["settings"]["strength"] == 33.0
    assert request["settings"]["quality"] == "fine"
    assert request["settings"]["iterations"] == 9
    assert {name: request["content"][name] for name in ("width", "height", "channels")} == {
        "width": 64, "height": 48, "channels": 4,
    }  # fmt: skip
    assert "preview" not in request, "nobody is watching"


@case()
def arguments_are_the_engines_settings():
    table = Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style/nst_gimp/settings/settings_table.py"
    settings = runpy.run_path(str(table))["SETTINGS"]
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    names = [argument.get_name() for argument in procedure.get_arguments()]
    regions = [
        *("style-weight", "more-styles", "fine-style"),
        *("region-masks", "region-styles", "region-colors", "outside"),
    ]
    own = ["style-file", "style-layer", *regions, "strength-mask", "source"]
    assert names == ["run-mode", "image", "drawables", *own, *(setting.name for setting in settings)]
    for setting in settings:
        default = procedure.find_argument(setting.name).get_default_value()
        # An empty string comes back as None from PyGObject.
        assert ("" if default is None else default) == setting.default, setting.name
    assert [value.get_name() for value in procedure.get_return_values()] == ["painting"]
    assert procedure.get_menu_paths() == ["<Image>/Filters/Artistic"]


def diagnostics() -> str:
    """Call the procedure for diagnostics and return its report."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-doctor")
    answer = procedure.run(procedure.create_config())
    assert answer.index(0).value_nick == "success"
    return answer.index(1)


@case()
def doctor_reports_in_text():
    report = diagnostics()
    for words in ("Plug-in: 0.", "GIMP: 3.", "fake_engine.py", "vgg16", "gimp-engine.log", "Fake device"):
        assert words in report, (words, report)
    assert "installer" in report, "the engine's version is not the plug-in's"
    set_engine_mode("wrong-protocol")
    report = diagnostics()
    assert "0.0.1" in report
    assert "installer" in report


@case()
def doctor_asks_the_real_engine():
    set_engine_mode("real")
    report = diagnostics()
    assert "vgg16" in report, report
