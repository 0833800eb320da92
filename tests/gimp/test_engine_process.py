"""The engine's process: found in every place, and gone however a run ends.

Kills the plug-in, GIMP or the engine with SIGKILL. No process and no job folder may be left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gimp.screen import LIMIT_SECONDS, wait_until
from tests.gimp.start import Gimp, complaints

PREPARE = """
image = Gimp.Image.new(64, 48, Gimp.ImageBaseType.RGB)
layer = Gimp.Layer.new(image, "photo", 64, 48, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(layer, None, 0)
style = Gimp.Layer.new(image, "style", 64, 48, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(style, None, 0)
procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
config = procedure.create_config()
config.set_property("image", image)
config.set_core_object_array("drawables", [layer])
config.set_property("style-layer", style)
"""
"""Makes an image and sets the filter's arguments."""

SCRIPT = f"""{PREPARE}
answer = procedure.run(config)
print("answer", answer.index(0).value_nick, "layers", len(image.get_layers()), flush=True)
image.delete()
"""

RUN_SCRIPT = f"""{PREPARE}
def report(words):
    answer = procedure.run(config)
    status = answer.index(0).value_nick
    print(words, status, "" if status == "success" else answer.index(1), flush=True)
"""


@pytest.fixture(scope="module")
def own_gimp() -> Iterator[Gimp]:
    folder = Path(tempfile.mkdtemp(prefix="gimp-process-"))
    yield Gimp(folder=folder, plug_ins=["python-eval"])
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("victim", ["plug-ins/neural-style/neural-style.py", "console", "fake_engine.py"])
def test_kill_leaves_nothing(own_gimp: Gimp, victim: str) -> None:
    own_gimp.set_engine_mode("slow 600")
    console = own_gimp.console_program
    line = [console, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", SCRIPT]
    process = own_gimp.start(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    request = own_gimp.fake_folder / "request.json"
    try:
        wait_until(lambda: request.exists() and len(own_gimp.leftovers()) == 2, "the run")
        victims = own_gimp.processes(f"{console} -idf" if victim == "console" else victim)
        assert victims, own_gimp.processes("")
        for number in victims:
            os.kill(number, signal.SIGKILL)
        wait_until(lambda: not own_gimp.leftovers(), "job folder and engine to be gone")
        if victim != "console":
            printed, errors = process.communicate(timeout=LIMIT_SECONDS)
            assert "answer execution-error layers 2" in printed or "answer calling-error layers 2" in printed
            assert not complaints(errors, ("GIMP-Error", "Plug-in crashed"))
        wait_until(lambda: not own_gimp.processes("neural-style"), "the plug-in to be gone")
    finally:
        request.unlink(missing_ok=True)
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_engine_is_found_by_record_and_in_the_standard_place(own_gimp: Gimp) -> None:
    """In one GIMP without NST_PYTHON: no engine, then several records, then a virtual environment."""
    own_gimp.set_engine_mode("copy")
    engine = Path(__file__).with_name("fake_engine.py")
    data = own_gimp.home / ".local/share/nst"
    script = f"""{RUN_SCRIPT}
import json
from pathlib import Path
data, environment = Path({str(data)!r}), Path({str(own_gimp.fake_folder / "environment.json")!r})
report("nothing:")
data.mkdir(parents=True, exist_ok=True)
record = data / "engine.json"
record.write_text("not json"); report("damaged:")
record.write_text(json.dumps({{"python": "/not/there", "version": "0"}})); report("stale:")
record.write_text(json.dumps({{"python": {str(engine)!r}, "version": "0"}})); report("record:")
print("models", json.loads(environment.read_text())["NST_MODELS"])
record.unlink()
(data / "venv/bin").mkdir(parents=True)
(data / "venv/bin/python").symlink_to({str(engine)!r}); report("standard:")
image.delete()
"""
    own_gimp.use_fake_engine = False
    try:
        done = own_gimp.batch(script)
    finally:
        own_gimp.use_fake_engine = True
    lines = {line.split(":")[0]: line for line in done.stdout.splitlines() if ":" in line}
    assert "installer" in lines["nothing"], done.stdout + done.stderr
    assert "engine.json" in lines["damaged"]
    assert "/not/there" in lines["stale"]
    assert lines["record"].split()[1] == "success"
    assert lines["standard"].split()[1] == "success"
    assert not own_gimp.leftovers()
    if not os.environ.get("NST_MODELS"):
        assert f"models {data}/models" in done.stdout


def test_engine_that_hangs_at_its_start_is_given_up(own_gimp: Gimp) -> None:
    own_gimp.set_engine_mode("hang")
    own_gimp.variables["NST_START_SECONDS"] = "2"
    try:
        done = own_gimp.batch(f'{RUN_SCRIPT}report("hang:"); image.delete()')
    finally:
        del own_gimp.variables["NST_START_SECONDS"]
    assert "hang: execution-error" in done.stdout, done.stdout + done.stderr
    assert "gimp-engine.log" in done.stdout
    assert not own_gimp.leftovers()


def test_real_engine_deletes_the_folder_of_a_caller_that_died_before_its_request(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nst-job-", dir=tmp_path))
    (folder / "content.f32").write_bytes(b"half")
    python = os.environ.get("NST_PYTHON") or sys.executable
    env = dict(os.environ, NST_JOB_DIRECTORY=str(folder))
    done = subprocess.run(
        [python, "-I", "-m", "nst_core.worker"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=env,
        timeout=LIMIT_SECONDS,
    )
    assert b'"hello"' in done.stdout or not done.stdout
    assert not folder.exists()


TRANSLATIONS = {
    "de": ("_Neuronaler Stil …", "Stärke", "Wählen Sie genau eine Ebene."),
    "fr": ("Style _neuronal…", "Force", "Sélectionnez exactement un calque."),
}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_gimp_shows_the_users_language(own_gimp: Gimp, language: str) -> None:
    """Menu, arguments and errors; GIMP keeps the menu's words for each language by itself."""
    locale = f"{language}_{language.upper()}.UTF-8"
    if own_gimp.kind == "native":
        installed = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.lower()
        if locale.replace("-", "").lower() not in installed.replace("-", ""):
            pytest.skip(f"this machine has no locale {locale}")
    own_gimp.set_engine_mode("copy")
    own_gimp.variables.update(LC_ALL=locale, LANGUAGE=language)
    try:
        done = own_gimp.batch(
            "procedure = Gimp.get_pdb().lookup_procedure('plug-in-neural-style')\n"
            "print(procedure.get_menu_label()); print(procedure.find_argument('strength').nick)\n"
            "config = procedure.create_config(); image = Gimp.Image.new(8, 8, Gimp.ImageBaseType.RGB)\n"
            "config.set_property('image', image); config.set_core_object_array('drawables', [])\n"
            "print(procedure.run(config).index(1)); image.delete()"
        )
    finally:
        del own_gimp.variables["LC_ALL"], own_gimp.variables["LANGUAGE"]
    for words in TRANSLATIONS[language]:
        assert words in done.stdout, done.stdout + done.stderr
