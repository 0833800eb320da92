#!/usr/bin/env python3
"""Update the plug-in's catalogues: strings from the code go into the .po files, and these into the .mo files.

Needs Babel. Existing translations are kept, and strings that are no longer used are removed. ``--check``
writes nothing and exits with 1 if a file is out of date.
"""

from __future__ import annotations

import ast
import io
import runpy
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PLUG_IN = Path(__file__).resolve().parent / "neural-style"
LANGUAGES = ("de", "fr")
DOMAIN = "neural-style"


def strings_in_code() -> dict[str, str]:
    """Return each string that is passed to ``_`` or ``mark``, with the file that it is in."""
    strings = {}
    for path in [PLUG_IN / "neural-style.py", *sorted((PLUG_IN / "nst_gimp").rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            text = node.args[0]
            if node.func.id in ("_", "mark") and isinstance(text, ast.Constant):
                strings.setdefault(str(text.value), str(path.relative_to(PLUG_IN)))
    return strings


def strings_in_settings() -> dict[str, str]:
    """Return the labels and help texts of the engine's settings and their choices."""
    path = PLUG_IN / "nst_gimp" / "settings" / "settings_table.py"
    settings = runpy.run_path(str(path))["SETTINGS"]
    texts = [text for setting in settings for text in (setting.label, setting.help)]
    for setting in settings:
        texts += [*setting.choice_labels.values(), *setting.choice_help.values()]
    return dict.fromkeys(texts, "nst_gimp/settings/settings_table.py")


def catalogue_folder(language: str) -> Path:
    """Return the folder in which GIMP looks for a language's catalogue."""
    return PLUG_IN / "locale" / language / "LC_MESSAGES"


def updated_catalogue(language: str) -> Catalog:
    """Return a language's catalogue with all current strings and the translations that exist."""
    path = catalogue_folder(language) / f"{DOMAIN}.po"
    old = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            old = read_po(file, locale=language)
    new = Catalog(locale=language, project=DOMAIN, charset="utf-8", fuzzy=False)
    new.creation_date = new.revision_date = old.creation_date if path.exists() else new.creation_date
    for text, path_of_text in {**strings_in_code(), **strings_in_settings()}.items():
        message = old.get(text)
        new.add(text, message.string if message else "", locations=[(path_of_text, None)])
    return new


def catalogue_files(language: str) -> dict[Path, bytes]:
    """Return the contents of a language's .po and .mo files."""
    catalogue = updated_catalogue(language)
    po, mo = io.BytesIO(), io.BytesIO()
    write_po(po, catalogue, width=110, omit_header=False)
    write_mo(mo, catalogue)
    return {
        catalogue_folder(language) / f"{DOMAIN}.po": po.getvalue(),
        catalogue_folder(language) / f"{DOMAIN}.mo": mo.getvalue(),
    }


def main() -> int:
    """Write the catalogues, or compare them if ``--check`` is given."""
    stale = 0
    for language in LANGUAGES:
        for path, data in catalogue_files(language).items():
            if not path.exists() or path.read_bytes() != data:
                stale = 1
                if "--check" not in sys.argv[1:]:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
    return stale if "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
