"""However a run ends, no process and no folder is left: kill -9 of the plug-in, of GIMP, of the engine."""

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

from tests.gimp.screen import until
from tests.gimp.start import Gimp, complaints

SCRIPT = """
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
answer = procedure.run(config)
print("answer", answer.index(0).value_nick, "layers", len(image.get_layers()), flush=True)
image.delete()
"""


@pytest.fixture(scope="module")
def busy() -> Iterator[Gimp]:
    folder = Path(tempfile.mkdtemp(prefix="gimp-ends-"))
    gimp = Gimp(folder)
    yield gimp
    shutil.rmtree(folder, ignore_errors=True)


def processes(gimp: Gimp, words: str) -> list[int]:
    """Return the processes of this test's GIMP whose command line has ``words`` in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            env = (entry / "environ").read_bytes()
        except OSError:
            continue
        if words in command and f"GIMP3_DIRECTORY={gimp.profile}".encode() in env:
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize("victim", ["plug-ins/neural-style/neural-style.py", "console", "fake_engine.py"])
def test_a_kill_leaves_nothing(busy: Gimp, victim: str) -> None:
    busy.mode("slow 120")
    line = [busy.console, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", SCRIPT]
    gimp = busy.start(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: (busy.fakes / "request.json").exists() and len(busy.leftovers()) == 2, 90, "the run")
        words = f"{busy.console} -idf" if victim == "console" else victim
        victims = processes(busy, words)
        assert victims, processes(busy, "")
        for number in victims:
            os.kill(number, signal.SIGKILL)
        until(lambda: not busy.leftovers(), 20, f"nothing to be left, but {busy.leftovers()}")
        if victim != "console":
            printed, errors = gimp.communicate(timeout=60)
            assert "answer execution-error layers 2" in printed or "answer calling-error layers 2" in printed
            assert not complaints(errors, ("GIMP-Error", "Plug-in crashed"))
        until(lambda: not processes(busy, "neural-style"), 20, "the plug-in to be gone")
    finally:
        (busy.fakes / "request.json").unlink(missing_ok=True)
        if gimp.poll() is None:
            gimp.kill()
        gimp.communicate()


def test_the_engine_is_found_by_record_and_in_the_standard_place_and_missed_in_words(busy: Gimp) -> None:
    """In one GIMP without NST_PYTHON: nothing there, then a record, then a venv, then one that hangs."""
    busy.mode("copy")
    busy.fake = False
    busy.variables["NST_START_SECONDS"] = "2"
    engine = Path(__file__).with_name("fake_engine.py")
    data = busy.home / ".local/share/nst"
    call = (
        SCRIPT.replace("image.delete()\n", "")
        .replace("\nanswer = ", "\ndef run(): return ")
        .replace("print(", "#")
    )
    script = f"""{call}
import json, os, shutil
from pathlib import Path
data, mode = Path({str(data)!r}), Path({str(busy.fakes / "mode")!r})
environment = mode.with_name("environment.json")
def say(*words):
    answer = run()
    status = answer.index(0).value_nick
    print(*words, status, "" if status == "success" else answer.index(1), flush=True)
say("nothing:")
data.mkdir(parents=True, exist_ok=True)
(data / "engine.json").write_text("not json"); say("damaged:")
(data / "engine.json").write_text(json.dumps({{"python": "/not/there", "version": "0"}})); say("stale:")
(data / "engine.json").write_text(json.dumps({{"python": {str(engine)!r}, "version": "0"}})); say("record:")
print("models", json.loads(environment.read_text())["NST_MODELS"])
(data / "engine.json").unlink()
(data / "venv/bin").mkdir(parents=True)
(data / "venv/bin/python").symlink_to({str(engine)!r}); say("standard:")
mode.write_text("hang"); say("hang:")
image.delete()
"""
    done = busy.batch(script)
    busy.fake = True
    lines = {line.split(":")[0]: line for line in done.stdout.splitlines() if ":" in line}
    assert "is not installed. Run the installer" in lines["nothing"], done.stdout + done.stderr
    assert "engine.json is damaged. Run the installer again." in lines["damaged"]
    assert "/not/there" in lines["stale"]
    assert lines["record"].split()[1] == "success"
    assert lines["standard"].split()[1] == "success"
    assert "did not answer" in lines["hang"]
    assert "gimp-engine.log" in lines["hang"]
    assert not busy.leftovers()
    if not os.environ.get("NST_MODELS"):
        assert f"models {data}/models" in done.stdout


def test_the_real_engine_deletes_the_folder_of_a_caller_that_died_before_its_request(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="nst-job-", dir=tmp_path))
    (folder / "content.f32").write_bytes(b"half")
    python = os.environ.get("NST_PYTHON") or sys.executable
    env = dict(os.environ, NST_JOB_DIRECTORY=str(folder))
    done = subprocess.run(
        [python, "-I", "-m", "nst_core.worker"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=env,
        timeout=120,
    )
    assert b'"hello"' in done.stdout or not done.stdout
    assert not folder.exists()


TOLD = {
    "de": ("_Neuronaler Stil …", "Stärke", "Wählen Sie genau eine Ebene."),
    "fr": ("Style _neuronal…", "Force", "Sélectionnez exactement un calque."),
}


@pytest.mark.parametrize("language", TOLD)
def test_gimp_speaks_the_users_language(busy: Gimp, language: str) -> None:
    """Menu, arguments and errors; GIMP keeps the menu's words for each language by itself."""
    country = f"{language}_{language.upper()}.UTF-8"
    if busy.kind == "native":
        known = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.lower()
        if country.replace("-", "").lower() not in known.replace("-", ""):
            pytest.skip(f"this machine has no locale {country}")
    busy.fake = True
    busy.variables.update(LC_ALL=country, LANGUAGE=language)
    try:
        done = busy.batch(
            "procedure = Gimp.get_pdb().lookup_procedure('plug-in-neural-style')\n"
            "print(procedure.get_menu_label()); print(procedure.find_argument('strength').nick)\n"
            "config = procedure.create_config(); image = Gimp.Image.new(8, 8, Gimp.ImageBaseType.RGB)\n"
            "config.set_property('image', image); config.set_core_object_array('drawables', [])\n"
            "print(procedure.run(config).index(1)); image.delete()"
        )
    finally:
        del busy.variables["LC_ALL"], busy.variables["LANGUAGE"]
    for words in TOLD[language]:
        assert words in done.stdout, done.stdout + done.stderr
