#!/usr/bin/env python3
"""Paints a folder of pictures in the style of one or several, through one start of GIMP.

Pictures come in any format that GIMP opens and go out as XCF, with the painting as a layer, or in any
format that GIMP exports. Regions go by the names of channels, layers or groups in each picture, so that they
need XCF files, or others that keep these. A picture that fails does not stop the others; the end tells which
failed and why, and the exit status is then 1 (2 for a wrong command line, 3 where GIMP itself cannot be run).

Runs in any Python 3.9 or newer, with nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLUG_IN = HERE.parent / "neural-style"
sys.path.insert(0, str(PLUG_IN))
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.settings.arguments import help_text  # noqa: E402
from nst_gimp.settings.contract import GIMP_CONSOLES  # noqa: E402
from nst_gimp.settings.settings_table import SETTINGS  # noqa: E402

MARK = "neural-style-batch "
"""What the lines begin with that the script inside GIMP prints for this one."""

PLACES = (
    "/Applications/GIMP.app/Contents/MacOS/gimp-console",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.2.exe",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.0.exe",
)
COLORS = next(setting.choices for setting in SETTINGS if setting.name == "keep-colors")
KINDS = {"double": float, "int": int, "choice": str, "string": str, "boolean": lambda text: text == "yes"}


def command_line(arguments):
    """Read the command line; exits with 2 and a sentence where it is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument("--style", help="the painting whose style is taken, or the name of a kept style")
    parser.add_argument(
        "--output", required=True, type=Path, help="the folder for the results, made if need be"
    )
    parser.add_argument(
        "--format", default="xcf", help="xcf (with layers), png, jpg, tif, webp, ... (%(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that are already there")
    parser.add_argument(
        "--gimp", help="the gimp-console to start; else GIMP_CONSOLE, else the PATH is searched"
    )
    several = parser.add_argument_group(
        "several styles and regions",
        "A style is a file or the name of a kept style; masks go by their names.",
    )
    several.add_argument(
        "--more-style",
        action="append",
        default=[],
        metavar="STYLE[:WEIGHT]",
        help="a style blended with the first; may be given several times",
    )
    several.add_argument("--style-weight", type=float, help="the first style's weight in the blend (1)")
    several.add_argument(
        "--region",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "STYLE"),
        help="paint in STYLE where the channel or layer MASK is white; may be given several times",
    )
    several.add_argument(
        "--region-colors",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "|".join(COLORS)),
        help="what --keep-colors is for all, for the region with MASK alone; may be given several times",
    )
    several.add_argument(
        "--outside",
        choices=("style", "keep"),
        help="what no region covers is painted in --style, or stays as it is (style, if there is one)",
    )
    several.add_argument(
        "--strength-mask", metavar="MASK", help="where this channel or layer mask is black, the picture stays"
    )
    several.add_argument("--fine-style", metavar="STYLE", help="take the fine strokes from this style")
    look = parser.add_argument_group("settings of the filter")
    for setting in SETTINGS:
        look.add_argument(
            f"--{setting.name}",
            type=KINDS[setting.kind],
            choices=setting.choices or None,
            help=f"{help_text(setting)} ({setting.default})".replace("%", "%%"),
        )
    given = parser.parse_args(arguments)
    if given.style is None and not given.region:
        parser.error("there is no style: give --style, or --region MASK STYLE")
    for mask, colors in given.region_colors:
        if mask not in [named for named, _style in given.region]:
            parser.error(f"--region-colors names {mask}, which is the mask of no region")
        if colors not in COLORS:
            parser.error(f"--region-colors {mask} cannot be {colors}; it can be {', '.join(COLORS)}")
    given.suiting = suiting(given.style) if given.style else {}
    try:
        given.style = given.style and resolved(given.style, weighted=False)
        given.fine_style = given.fine_style and resolved(given.fine_style)
        given.more_style = [resolved(style) for style in given.more_style]
        given.region = [(mask, resolved(style)) for mask, style in given.region]
    except FileNotFoundError as error:
        parser.error(str(error))
    for path in given.pictures:
        if not os.path.exists(path):
            parser.error(f"there is no {path}")
        if os.path.isdir(path) and path.resolve() == given.output.resolve():
            parser.error(f"--output is {path}, where the pictures are; name another folder")
    return given


def resolved(text: str, weighted: bool = True) -> str:
    """Return a style as the filter takes it: the whole path of its file, with the weight behind it.

    Raises:
        FileNotFoundError: there is neither a file nor a kept style of that name.
    """
    name, colon, weight = text.rpartition(":")
    for stem, rest in ((text, ""), *([(name, colon + weight)] if weighted and is_number(weight) else [])):
        path = kept_styles.find_path(stem) if stem else None
        if path is not None:
            return path + rest
    raise FileNotFoundError(f"there is no style file {text}, and no kept style of that name")


def suiting(style: str) -> dict:
    """Return the settings that suit a kept style that is called by its name, as ``nst`` takes them."""
    path = None if os.path.isfile(style) else kept_styles.find_path(style)
    return kept_styles.read_settings(path) if path else {}


def is_number(text: str) -> bool:
    """Whether ``text`` is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def job_of(given, pictures: list) -> dict:
    """Return what the script inside GIMP is to do, as the arguments of the filter."""
    chosen = {setting.name: getattr(given, setting.name.replace("-", "_")) for setting in SETTINGS}
    values = {**given.suiting, **{name: value for name, value in chosen.items() if value is not None}}
    colors = dict(given.region_colors)
    values.update(
        {
            "style-weight": given.style_weight,
            "more-styles": given.more_style or None,
            "region-masks": [mask for mask, _style in given.region] or None,
            "region-styles": [style for _mask, style in given.region] or None,
            "region-colors": [colors.get(mask, "") for mask, _style in given.region] if colors else None,
            "outside": given.outside,
            "strength-mask": given.strength_mask,
            "fine-style": given.fine_style,
        }
    )
    named = [mask for mask, _style in given.region] + ([given.strength_mask] if given.strength_mask else [])
    return {
        "plug_in": str(PLUG_IN),
        "style": given.style,
        "masks": named,
        "arguments": {name: value for name, value in values.items() if value is not None},
        "pictures": pictures,
    }


def pictures_in(paths) -> list:
    """Return the files to paint, folders opened (not the folders in them), hidden files left out.

    Raises:
        OSError: a folder cannot be read.
    """
    found = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                item for item in path.iterdir() if item.is_file() and not item.name.startswith(".")
            )
        else:
            found.append(path)
    return list(dict.fromkeys(path.resolve() for path in found))


def targets(pictures, output: Path, extension: str) -> list:
    """Return where each result goes; pictures that differ only in their format keep it in the name."""
    stems = [picture.stem for picture in pictures]
    names = [
        picture.stem if stems.count(picture.stem) == 1 else picture.name.replace(".", "-")
        for picture in pictures
    ]
    seen, unique = {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return [output.resolve() / f"{name}.{extension}" for name in unique]


def find_gimp(named) -> str:
    """Return the gimp-console to start, or "" where there is none."""
    named = named or os.environ.get("GIMP_CONSOLE")
    if named:
        return shutil.which(named) or ""
    for name in GIMP_CONSOLES:
        found = shutil.which(name)
        if found:
            return found
    return next((place for place in PLACES if os.path.isfile(place)), "")


def paint_all(gimp: str, job: dict, folder: Path) -> dict:
    """Return for each picture why it failed, or ""; a GIMP that crashes is started again for the rest."""
    outcome, left = {}, job["pictures"]
    while left:
        answered = paint(gimp, dict(job, pictures=left), folder, len(job["pictures"]))
        if not answered:
            break
        outcome.update(answered)
        left = [pair for pair in left if pair[0] not in outcome]
    return outcome


def paint(gimp: str, job: dict, folder: Path, count: int) -> dict:
    """Start GIMP once, print progress, and return why each of the pictures that it came to failed, or "".

    ``count`` is how many pictures there are in all; the job has the last of them.
    """
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    script = f"exec(open({str(HERE / 'inside_gimp.py')!r}, encoding='utf-8').read())"
    line = [gimp, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
    environment = dict(os.environ, NST_BATCH_JOB=str(folder / "job.json"))
    outcome, done = {}, count - len(job["pictures"])
    with open(folder / "gimp.log", "wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            for raw in process.stdout:
                text = raw.decode("utf-8", "replace").strip()
                if not text.startswith(MARK):
                    continue
                event = json.loads(text[len(MARK) :])
                if event["event"] == "begin":
                    done += 1
                    outcome[event["picture"]] = "GIMP crashed over it."
                    print(f"[{done}/{count}] {event['picture']}", flush=True)
                else:
                    outcome[event["picture"]] = event["problem"]
                    said = f"failed: {event['problem']}" if event["problem"] else f"{event['seconds']:.1f} s"
                    for told in (*event["notices"], said):
                        print(f"[{done}/{count}]   {told}", flush=True)
            process.wait()
        except BaseException:
            process.terminate()  # the engine sees its stdin end and goes too
            process.wait()
            raise
    return outcome


def main(arguments=None) -> int:
    """Do it all and return the exit status."""
    given = command_line(arguments)
    gimp = find_gimp(given.gimp)
    if not gimp:
        print("No GIMP 3 was found. Install it, or name its gimp-console with --gimp.", file=sys.stderr)
        return 3
    try:
        pictures = pictures_in(given.pictures)
        given.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Name another folder.", file=sys.stderr)
        return 2
    if not pictures:
        print("There are no pictures there.", file=sys.stderr)
        return 2
    results = targets(pictures, given.output, given.format.lower().lstrip("."))
    problems, todo = {}, []
    for picture, result in zip(pictures, results):  # noqa: B905 - strict came with 3.10
        if result in pictures:
            problems[str(picture)] = f"{result} is a picture that is painted; name another --output."
        elif result.exists() and not given.overwrite:
            problems[str(picture)] = f"{result} is already there (--overwrite replaces it)."
        else:
            todo.append([str(picture), str(result)])
    job = job_of(given, todo)
    with tempfile.TemporaryDirectory(prefix="nst-batch-") as folder:
        outcome = paint_all(gimp, job, Path(folder))
        printed = (Path(folder) / "gimp.log").read_text("utf-8", "replace") if todo else ""
    for picture, _result in todo:
        problems[picture] = outcome.get(picture, "GIMP could not be run.")
    failed = {picture: problem for picture, problem in problems.items() if problem}
    print(f"{len(problems) - len(failed)} painted, {len(failed)} failed.")
    for picture, problem in failed.items():
        print(f"  {picture}: {problem}", file=sys.stderr)
    if todo and not outcome:
        print(printed[-2000:], file=sys.stderr)
        return 3
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # GIMP is not left behind
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
