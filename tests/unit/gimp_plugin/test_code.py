"""Rules for code that runs in GIMP's Python: old syntax, only allowed imports, complete catalogues."""

from __future__ import annotations

import ast
import gettext
import re
import stat
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[3] / "gimp_plugin"
FOLDER = PLUGIN / "neural-style"
FILES = [FOLDER / "neural-style.py", *sorted((FOLDER / "nst_gimp").rglob("*.py"))]
BATCH = sorted((PLUGIN / "batch").glob("*.py"))


@pytest.mark.parametrize("path", FILES + BATCH, ids=lambda path: path.name)
def test_syntax_is_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    modern = [node for node in ast.walk(tree) if type(node).__name__ in ("Match", "TryStar", "TypeAlias")]
    assert not modern
    annotated = any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) for node in ast.walk(tree))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not annotated or "from __future__ import annotations" in lines or "| None" not in "".join(lines)
    zips = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "strict"]
    assert not zips, "zip(strict=) came with 3.10"


@pytest.mark.parametrize("path", FILES + BATCH, ids=lambda path: path.name)
def test_only_the_standard_library_and_gi_are_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            own = {"gi", "nst_gimp", *(file.stem for file in BATCH if path in BATCH)}
            assert top in own or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_main_file_is_short_and_executable() -> None:
    main = FOLDER / "neural-style.py"
    assert len(main.read_text().splitlines()) < 150
    assert main.stat().st_mode & stat.S_IXUSR
    assert main.read_text().startswith("#!/usr/bin/env python3\n")
    assert max(len(path.read_text().splitlines()) for path in FILES if path.name != "settings_table.py") < 300


@pytest.fixture
def catalogues(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    import generate_catalogues

    return generate_catalogues


@pytest.fixture(scope="module")
def strings_in_code() -> Collection[str]:
    sys.path.insert(0, str(PLUGIN))
    try:
        import generate_catalogues
    finally:
        sys.path.remove(str(PLUGIN))
    return generate_catalogues.strings_in_code()


@pytest.mark.parametrize("language", ["de", "fr"])
def test_catalogues_are_complete_and_compiled(catalogues, language: str) -> None:
    with (catalogues.catalogue_folder(language) / "neural-style.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    strings = {**catalogues.strings_in_code(), **catalogues.strings_in_settings()}
    missing = [text for text in strings if text not in compiled._catalog]
    assert not missing, "translate in the .po files, then run gimp_plugin/generate_catalogues.py"
    for text in strings:
        translation = compiled.gettext(text)
        assert sorted(re.findall(r"\{.*?\}", translation)) == sorted(re.findall(r"\{.*?\}", text)), text
        assert ("_" in translation) == ("_" in text) or "_" not in text.strip("_"), text
    for path, data in catalogues.catalogue_files(language).items():
        if path.suffix == ".mo":
            assert path.read_bytes() == data, "run gimp_plugin/generate_catalogues.py"


DIALOG = [
    *("St_yle", "Se_veral styles, regions", "_Advanced", "_Paint", "_Help", "Picture _file…", "_Keep…"),
    *("Styl_es", "_Blend with another style", "Add a re_gion", "_Quick", "Goo_d", "F_ull", "Custo_m"),
    *("Replace the pai_nting", "Var_iants…", "Results s_o far", "Try _when idle", "_100 %"),
]
ANIMATION = [
    *("St_yle", "_Advanced", "_Paint", "_Help", "Picture _file…", "_Keep…", "Styl_es"),
    *("_Quick", "Goo_d", "F_ull", "Custo_m"),
]
RESULT = ["_Take its settings", "_Save the picture…", "_Remove", "Remove a_ll results of this image"]
WINDOWS = {
    "dialog": [*DIALOG, "_Try"],
    "dialog, trying": [*DIALOG, "S_top"],
    "dialog, animation": [*ANIMATION, "_Which layers:", "Resul_t:"],
    "painting an animation": ["_Keep Finished Frames", "Continue in _Background", "_Cancel"],
    "keeping": ["_Name", "With the current _settings", "_Cancel", "_Keep"],
    "replacing": ["_Name", "With the current _settings", "_Cancel", "_Replace"],
    "renaming": ["_Name", "_Cancel", "_Rename"],
    "painting": ["_Keep This Result", "Continue in _Background", "_Cancel"],
    "stopping": ["_Throw It Away", "_Go On Painting", "_Keep This Result"],
    "menu of a trial": [*RESULT, "_Paint with these settings"],
    "menu of a painting": [*RESULT, "_Add as a layer"],
    "saving a result": ["_Cancel", "_Save"],
    "sheet of variants": ["_Stop", "_Close"],
    "menu of a kept style": ["Re_name…", "_Export…", "_Remove…"],
    "menu of a style used last": ["_Keep…", "_Forget"],
    "menu of all styles": ["_Import styles…", "_Export all kept styles…"],
    "diagnostics": ["_Help", "C_opy", "_Close"],
}
GIMP_LETTERS = {"en": "rcls", "de": "zcgs", "fr": "rncs"}
"""Mnemonics of the buttons of GIMP's procedure dialog: reset, cancel, load and save settings."""


@pytest.mark.parametrize("language", GIMP_LETTERS)
def test_mnemonics_in_one_window_differ(catalogues, strings_in_code: Collection[str], language: str) -> None:
    translations = gettext.NullTranslations()
    if language != "en":
        with (catalogues.catalogue_folder(language) / "neural-style.mo").open("rb") as file:
            translations = gettext.GNUTranslations(file)
    for window, texts in WINDOWS.items():
        labels = [translations.gettext(text) for text in texts]
        assert set(texts) <= set(strings_in_code)
        letters = [text[text.index("_") + 1].lower() for text in labels]
        letters += GIMP_LETTERS[language] if window.startswith("dialog") else ""
        assert len(set(letters)) == len(letters), (window, labels)


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_help_pages_are_complete(language: str) -> None:
    page = (FOLDER / "help" / language / "index.html").read_text(encoding="utf-8")
    assert f'<html lang="{language}">' in page
    for target in re.findall(r'(?:href|src)="([^"#:]+)"', page):
        assert (FOLDER / "help" / language / target).exists(), target
    sections = re.findall(r"<h2\b", page)
    assert len(sections) == 9
