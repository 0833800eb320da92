"""Metadata in a result's file that allows the run to be repeated.

:func:`describe_run` converts a :class:`~nst_core.job.run.Result` to texts by name, to be stored in the
picture's file. :func:`read_run_record` reads them back, from a picture or from a JSON file. The texts contain
no times and no folders, so that the same run gives the same bytes wherever its pictures are.
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
from nst_core.job.model import init_image_path
from nst_core.job.run import Result
from nst_core.settings import Settings, setting_infos, with_underscores

LARGEST_JSON = 32 << 20
"""Bytes of a settings file that are read: a report of a run of hours lists every step."""

SHEET = "sheet"
"""Name of the text that says that a picture is the contact sheet of a batch, and of how many results."""

FILE_START = 64
"""Bytes at the start of a file that tell JSON from pictures."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The record of a painted picture: settings by name, and the network's hash if it is known.

    ``control`` names the control options of the run, whose files are not stored. ``unused`` names settings in
    the file that a picture may not set, because they belong to the machine that it was painted on.
    """

    settings: Mapping[str, Any]
    model_sha256: str = ""
    texture_size: str = ""
    control: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def settings_to_repeat(result: Result) -> dict[str, Any]:
    """Return the settings of a run, with the name of the network that was used instead of "auto"."""
    return {**result.settings.model_dump(mode="json"), "model": result.model}


def describe_run(
    result: Result,
    *,
    content: str | None = None,
    styles: Sequence[tuple[str, float]] = (),
    texture_size: str = "",
    control: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Describe a run, as texts by name, for its result's file.

    ``content`` and ``styles`` are paths, of which only the file names are stored. ``texture_size`` is
    ``WIDTHxHEIGHT`` if there was no content. ``control`` describes regions, masks and the like.
    """
    settings = settings_to_repeat(result)
    if path := init_image_path(result.settings):
        settings["init"] = PurePath(path).name
    texts = {
        "version": __version__,
        "settings": json.dumps(settings, sort_keys=True),
        "seed": str(result.seed),
        "model": result.model,
        "model_sha256": result.model_sha256,
        "engine": result.engine,
        "device": result.device,
        "content": Path(content).name if content else "",
        "styles": json.dumps([[Path(path).name, weight] for path, weight in styles]) if styles else "",
        "texture_size": texture_size,
        "control": json.dumps(control, sort_keys=True) if control else "",
        "stopped": "yes" if result.stopped else "",
        "notices": " ".join(str(notice) for notice in result.notices),
    }
    return {name: text for name, text in texts.items() if text}


def read_run_record(path: str | Path) -> RunRecord:
    """Read the settings in a picture that this program wrote, or in a JSON file.

    The JSON file is an object of settings, or contains such an object as ``settings``, as a report does.
    Pictures and reports set only what decides the look of the result; the user's own object sets everything.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``, ``bad-image``; ``bad-setting`` if it has no settings.
    """
    name = display_name(path)
    with open_input(path) as file:
        data = file.read(FILE_START)
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return _record_from(_parse_json(data + file.read(LARGEST_JSON), name), name)
    texts = read_metadata(path)
    if "settings" not in texts:
        raise _no_settings_in(name)
    control = _parse_json(texts.get("control", "{}"), name)
    controls = control if isinstance(control, dict) else {}
    return _record_from({**texts, **controls, "settings": _parse_json(texts["settings"], name)}, name)


def _parse_json(text: bytes | str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NstError(
            ErrorCode.BAD_SETTING, f"The settings in {name} are not valid JSON.", "Use another file."
        ) from None


def _record_from(described: Any, name: str) -> RunRecord:
    """Make a record of parsed JSON: settings alone, or an object that contains them."""
    settings = described.get("settings", described) if isinstance(described, dict) else None
    if not isinstance(settings, dict) or not settings:
        raise _no_settings_in(name)
    if settings is described:
        return RunRecord(settings=settings)
    infos = setting_infos()
    allowed = {
        key: value
        for key, value in with_underscores(settings).items()
        if key not in infos or infos[key].takes_from_picture(value)
    }
    defaults = Settings().model_dump(mode="json")
    unused = [
        key
        for key, value in with_underscores(settings).items()
        if key not in allowed and value != defaults[key]
    ]
    return RunRecord(
        settings=allowed,
        unused=tuple(unused),
        model_sha256=str(described.get("model_sha256", "")),
        texture_size=str(described.get("texture_size", "")),
        control=tuple(key for key in RECORDED_CONTROLS if described.get(key)),
    )


def _no_settings_in(name: str) -> NstError:
    return NstError(
        ErrorCode.BAD_SETTING,
        f"{name} contains no nst settings.",
        "Use a picture that nst wrote, or a JSON file such as `nst settings --json` prints.",
    )
