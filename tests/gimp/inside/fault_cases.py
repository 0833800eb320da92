"""Whatever happens to the engine's process is one sentence, and the image is untouched."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path

from tests.gimp.inside.cases import REFUSED, Gimp, case, mode, new_image, new_layer, paint, request
from tests.gimp.inside.layer_cases import refused

FAULTS = {
    "error out-of-memory": ("does not fit into memory", "Size"),
    "error no-model": ("weights are not there", "nst models fetch"),
    "error disk-full": ("disk is full", "Make room"),
    "error no-device": ("The fake engine was told to fail.", "Tell it not to."),
    "error something-new": ("The fake engine was told to fail.", "Tell it not to."),
    "error internal": ("The fake engine was told to fail.", "gimp-engine.log"),
    "missing-core": ("has no nst-core in it", "installer"),
    "crash": ("ended unexpectedly (exit code 3)", "gimp-engine.log"),
    "crash-on-request": ("ended unexpectedly (exit code 7)", "gimp-engine.log"),
    "killed": ("does not fit into memory", "gimp-engine.log"),
    "garbage": ("not a message", "gimp-engine.log"),
    "flood": ("not a message", "gimp-engine.log"),
    "wrong-protocol": ("do not belong together", "installer"),
    "wrong-size": ("wrong size", "installer"),
    "no-result": ("wrong size", "installer"),
}


@case(*[(fault.replace("error ", ""), fault) for fault in FAULTS], allowed=REFUSED)
def a_fault_is_a_sentence_and_changes_nothing(fault):
    image = new_image()
    layer = new_layer(image)
    mode(fault)
    message = refused(image, [layer], FAULTS[fault][0])
    assert FAULTS[fault][1] in message
    assert message.count(".  ") == 0
    mode("copy")
    paint(image, layer)


BAD = {
    "strength": (150.0, "strength cannot be 150. It can be a number from 0 to 100."),
    "style-scale": (0.0, "style-scale cannot be 0."),
    "size": (-1, "size cannot be -1."),
    "quality": ("fast", "quality cannot be “fast”. It can be draft, normal, fine."),
    "keep-colors": ("luminence", "Did you mean “luminance”?"),
    "tv": (1e9, "tv cannot be 1e+09."),
    "alpha": (-1e250, "alpha cannot be -1e+250."),
}


@case(*[(name, name) for name in BAD], allowed=REFUSED)
def a_bad_value_is_refused_and_not_replaced(name):
    image = new_image()
    value, words = BAD[name]
    refused(image, [new_layer(image)], words, **{name.replace("-", "_"): value})


@case(allowed=REFUSED)
def the_real_engine_refuses_in_words():
    image = new_image(96, 80)
    layer = new_layer(image)
    mode("real")
    refused(image, [layer], "conv9_9", style_layers="conv9_9")
    refused(image, [layer], "no-such-network", model="no-such-network")


@case()
def the_engine_is_started_in_a_scrubbed_environment():
    image = new_image()
    paint(image, new_layer(image))
    env = json.loads((Path(os.environ["NST_FAKE"]) / "environment.json").read_text())
    assert not {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH"} & set(env)
    assert env["PYTHONUTF8"] == "1"


@case()
def the_request_is_what_the_protocol_says():
    image = new_image(64, 48)
    paint(image, new_layer(image), strength=33.0, quality="fine", iterations=9, size=0)
    asked = request()
    assert asked["protocol"] == 1
    assert asked["command"] == "stylize"
    assert Path(asked["job_directory"]).name.startswith("nst-job-")
    assert asked["settings"]["strength"] == 33.0
    assert asked["settings"]["quality"] == "fine"
    assert asked["settings"]["iterations"] == 9
    assert {name: asked["content"][name] for name in ("width", "height", "channels")} == {
        "width": 64, "height": 48, "channels": 4,
    }  # fmt: skip
    assert "preview" not in asked, "nobody is watching"


@case()
def the_arguments_are_the_engines_settings():
    table = Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style/nst_gimp/settings/settings_table.py"
    engine_settings = runpy.run_path(str(table))["SETTINGS"]
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    names = [argument.get_name() for argument in procedure.get_arguments()]
    settings = [setting.name for setting in engine_settings]
    extras = [
        "style-weight",
        "more-styles",
        "fine-style",
        "region-masks",
        "region-styles",
        "region-colors",
        "outside",
    ]
    own = ["style-file", "style-layer", *extras, "strength-mask"]
    assert names == ["run-mode", "image", "drawables", *own, *settings]
    for setting in engine_settings:
        default = procedure.find_argument(setting.name).get_default_value()
        # An empty string comes back as None from PyGObject.
        assert ("" if default is None else default) == setting.default, setting.name
    assert [value.get_name() for value in procedure.get_return_values()] == ["painting"]
    assert procedure.get_menu_paths() == ["<Image>/Filters/Artistic"]


@case()
def the_doctor_reports_in_text():
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-doctor")
    answer = procedure.run(procedure.create_config())
    assert answer.index(0).value_nick == "success"
    report = answer.index(1)
    for words in ("Plug-in: 0.", "GIMP: 3.", "fake_engine.py", "vgg16", "gimp-engine.log", "Fake device"):
        assert words in report, (words, report)
    assert "The engine (version 0.0.1) and this plug-in do not belong together." in report
    mode("wrong-protocol")
    report = procedure.run(procedure.create_config()).index(1)
    assert "do not belong together" in report


@case()
def the_doctor_asks_the_real_engine():
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style-doctor")
    mode("real")
    report = procedure.run(procedure.create_config()).index(1)
    assert "vgg16" in report, report
