"""What a picture says about how it was made, so that it can be made again.

A :class:`~nst_core.job.run.Result` goes in, texts by name come out, to be put into the file; :func:`read_run_record`
reads them back, from a picture or from a JSON file. No times and no folders: the same run gives the same
bytes wherever its pictures lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from nst_core import __version__
from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import open_input
from nst_core.images.metadata import read_metadata
from nst_core.job.control_files import RECORDED_CONTROLS
from nst_core.job.model import start_file
from nst_core.job.run import Result

LARGEST_JSON = 32 << 20
"""Bytes of a file of settings that are read: a report tells every step of a run that took hours."""

BEGINNING = 64
"""Bytes by which JSON is told from pictures."""


@dataclass(frozen=True)
class RunRecord:
    """How a picture was made: settings by name, and the network's hash where it is known.

    ``control`` names what else said how it was painted, of which the files are not kept.
    """

    settings: Mapping[str, Any]
    model_sha256: str = ""
    texture_size: str = ""
    control: tuple[str, ...] = ()


def settings_to_repeat(result: Result) -> dict[str, Any]:
    """Return the settings of a run, with the network it really used in place of "auto"."""
    return {**result.settings.model_dump(mode="json"), "model": result.model}


def describe_run(
    result: Result,
    *,
    content: str | None = None,
    styles: Sequence[tuple[str, float]] = (),
    texture_size: str = "",
    control: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Describe a run for its result's file.

    ``content`` and ``styles`` are paths, of which only the names are kept; ``texture_size`` is
    ``WIDTHxHEIGHT`` where there was no content; ``control`` names regions, masks and the like.
    """
    settings = settings_to_repeat(result)
    if start := start_file(result.settings):
        settings["init"] = PurePath(start).name
    texts = {
        "version": __version__,
        "settings": json.dumps(settings, sort_keys=True),
        "seed": str(result.seed),
        "model": result.model,
        "model_sha256": result.model_sha256,
        "engine": result.engine,
        "device": result.device,
        "content": Path(content).name if content else "",
        "styles": json.dumps([[Path(name).name, weight] for name, weight in styles]) if styles else "",
        "texture_size": texture_size,
        "control": json.dumps(control, sort_keys=True) if control else "",
        "stopped": "yes" if result.stopped else "",
        "notices": " ".join(notice.message for notice in result.notices),
    }
    return {name: text for name, text in texts.items() if text}


def read_run_record(path: str | Path) -> RunRecord:
    """Read the settings in a picture that this program wrote, or in a JSON file.

    The JSON file is an object of settings, or holds such an object as ``settings``, as a report does.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-image``; ``bad-setting`` where it has none.
    """
    name = display_name(path)
    with open_input(path) as file:
        data = file.read(BEGINNING)
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return _from_object(_parsed(data + file.read(LARGEST_JSON), name), name)
    found = read_metadata(path)
    if "settings" not in found:
        raise _none_in(name)
    control = _parsed(found.get("control", "{}"), name)
    more = control if isinstance(control, dict) else {}
    return _from_object({**found, **more, "settings": _parsed(found["settings"], name)}, name)


def _parsed(text: bytes | str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NstError(
            ErrorCode.BAD_SETTING, f"The settings in {name} are not whole JSON.", "Give another file."
        ) from None


def _from_object(found: Any, name: str) -> RunRecord:
    settings = found.get("settings", found) if isinstance(found, dict) else None
    if not isinstance(settings, dict) or not settings:
        raise _none_in(name)
    if settings is found:
        return RunRecord(settings)
    control = tuple(name for name in RECORDED_CONTROLS if found.get(name))
    return RunRecord(
        settings, str(found.get("model_sha256", "")), str(found.get("texture_size", "")), control
    )


def _none_in(name: str) -> NstError:
    return NstError(
        ErrorCode.BAD_SETTING,
        f"{name} holds no settings of nst.",
        "Give a picture that nst wrote, or a JSON file such as `nst settings --json` prints.",
    )
