"""The plug-in's copies of the engine's facts: the table of settings and the protocol."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from nst_core import settings
from nst_core.planning.run_plan import UPSAMPLE_FROM
from nst_core.worker import protocol

PLUGIN = Path(__file__).resolve().parents[3] / "gimp_plugin"


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_is_up_to_date() -> None:
    generator = load(PLUGIN / "generate_settings.py")
    assert generator.TARGET.read_text(encoding="utf-8") == generator.table(), (
        "run gimp_plugin/generate_settings.py with the engine's Python"
    )
    table = load(generator.TARGET)
    assert [row.name.replace("-", "_") for row in table.SETTINGS] == list(settings.fields())


def test_copies_of_the_contract_are_up_to_date() -> None:
    generator = load(PLUGIN / "generate_settings.py")
    for path in generator.CONTRACT_COPIES:
        text = path.read_text(encoding="utf-8")
        assert text == generator.contract(), "run gimp_plugin/generate_settings.py"


def test_table_has_valid_defaults_and_ranges() -> None:
    table = load(PLUGIN / "neural-style" / "nst_gimp" / "settings" / "settings_table.py")
    for row in table.SETTINGS:
        settings.make_settings({row.name: row.default})
        for value in (row.minimum, row.maximum):
            if value is not None:
                settings.make_settings({row.name: value})
        for choice in row.choices:
            settings.make_settings({row.name: choice})


def test_protocol_agrees_with_the_engine(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN / "neural-style"))
    from nst_gimp.process import engine, job_folder

    assert engine.PROTOCOL == protocol.PROTOCOL
    assert protocol.JOB_PREFIX == job_folder.JOB_PREFIX
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


def test_dialog_knows_from_which_size_finish_has_an_effect() -> None:
    page = (PLUGIN / "neural-style" / "nst_gimp" / "settings" / "how_long.py").read_text(encoding="utf-8")
    assert f"\nUPSAMPLE_FROM = {UPSAMPLE_FROM}\n" in page
