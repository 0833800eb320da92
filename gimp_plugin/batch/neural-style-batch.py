#!/usr/bin/env python3
"""Paint a folder of pictures in the style of one or more paintings, in one start of GIMP.

The pictures can be in any format that GIMP opens. The results are XCF files, with the result as a layer, or
any format that GIMP exports. Regions are given by the names of channels, layers or groups in each picture, so
they need XCF files or another format that keeps these. If a picture fails, the others are still painted. At
the end the failures are listed, and the exit status is 1 (2: wrong command line; 3: GIMP itself cannot be
run).

Runs in any Python 3.9 or newer, with only the standard library.
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

EVENT_PREFIX = "neural-style-batch "
"""The script inside GIMP prints its events on lines that start with this."""

INSTALLED_CONSOLES = (
    "/Applications/GIMP.app/Contents/MacOS/gimp-console",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.2.exe",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.0.exe",
)
"""The usual paths of gimp-console outside the PATH."""

COLORS = next(setting.choices for setting in SETTINGS if setting.name == "keep-colors")
KINDS = {"double": float, "int": int, "choice": str, "string": str, "boolean": lambda text: text == "yes"}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of pictures")
    parser.add_argument("--style", help="the painting to take the style from, or the name of a kept style")
    parser.add_argument("--output", required=True, type=Path, help="folder for the results; made if needed")
    parser.add_argument(
        "--format", default="xcf", help="xcf (with layers), png, jpg, tif, webp, ... (%(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that already exist")
    parser.add_argument("--gimp", help="gimp-console to start (default: GIMP_CONSOLE, or else from the PATH)")
    add_style_options(parser)
    look = parser.add_argument_group("settings of the filter")
    for setting in SETTINGS:
        look.add_argument(
            f"--{setting.name}",
            type=KINDS[setting.kind],
            choices=setting.choices or None,
            help=f"{help_text(setting)} ({setting.default})".replace("%", "%%"),
        )
    return parser


def add_style_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for several styles and regions."""
    group = parser.add_argument_group(
        "several styles and regions",
        "A style is a picture file or the name of a kept style. A mask is the name of a channel or layer.",
    )
    group.add_argument(
        "--more-style",
        action="append",
        default=[],
        metavar="STYLE[:WEIGHT]",
        help="style to blend with the first; may be repeated",
    )
    group.add_argument("--style-weight", type=float, help="weight of the first style in the blend (1)")
    group.add_argument(
        "--region",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "STYLE"),
        help="paint in STYLE where MASK is white; may be repeated",
    )
    group.add_argument(
        "--region-colors",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "|".join(COLORS)),
        help="override --keep-colors for the region of MASK; may be repeated",
    )
    group.add_argument(
        "--outside",
        choices=("style", "keep"),
        help="style: paint the area outside all regions in --style, if it is given; keep: leave it unchanged "
        "(style)",
    )
    group.add_argument(
        "--strength-mask", metavar="MASK", help="leave the picture unchanged where MASK is black"
    )
    group.add_argument("--fine-style", metavar="STYLE", help="take the fine strokes from STYLE")


def parse_command_line(arguments) -> argparse.Namespace:
    """Parse and check the command line. Exit with status 2 and a message if it is wrong."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.style is None and not options.region:
        parser.error("no style: give --style, or --region MASK STYLE")
    masks = [mask for mask, _style in options.region]
    for mask, colors in options.region_colors:
        if mask not in masks:
            parser.error(f"--region-colors {mask}: no --region has the mask {mask}")
        if colors not in COLORS:
            parser.error(f"--region-colors {mask} cannot be {colors}; use one of {', '.join(COLORS)}")
    options.kept_settings = read_kept_settings(options.style) if options.style else {}
    try:
        options.style = options.style and resolve_style(options.style, weighted=False)
        options.fine_style = options.fine_style and resolve_style(options.fine_style)
        options.more_style = [resolve_style(style) for style in options.more_style]
        options.region = [(mask, resolve_style(style)) for mask, style in options.region]
    except FileNotFoundError as error:
        parser.error(str(error))
    for path in options.pictures:
        if not os.path.exists(path):
            parser.error(f"{path} does not exist")
        if os.path.isdir(path) and path.resolve() == options.output.resolve():
            parser.error(f"--output {path} is the folder of the pictures; choose another folder")
    return options


def resolve_style(text: str, *, weighted: bool = True) -> str:
    """Return a style in the form that the filter takes: the full path of its file, with its weight.

    Raises:
        FileNotFoundError: there is neither a file nor a kept style of that name.
    """
    name, colon, weight = text.rpartition(":")
    splits = [(text, "")]
    if weighted and is_number(weight):
        splits.append((name, colon + weight))
    for style, suffix in splits:
        path = kept_styles.find_path(style) if style else None
        if path is not None:
            return path + suffix
    raise FileNotFoundError(f"there is no style file {text} and no kept style of that name")


def read_kept_settings(style: str) -> dict:
    """Return the settings kept with a style that is given by its name, as ``nst`` uses them."""
    path = None if os.path.isfile(style) else kept_styles.find_path(style)
    return kept_styles.read_settings(path) if path else {}


def is_number(text: str) -> bool:
    """Return whether ``text`` is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def build_job(options, pictures: list) -> dict:
    """Return the job for the script inside GIMP: pictures, and the arguments of the filter."""
    from_options = {setting.name: getattr(options, setting.name.replace("-", "_")) for setting in SETTINGS}
    region_masks = [mask for mask, _style in options.region]
    colors = dict(options.region_colors)
    values = {
        **options.kept_settings,
        **{name: value for name, value in from_options.items() if value is not None},
        "style-weight": options.style_weight,
        "more-styles": options.more_style or None,
        "region-masks": region_masks or None,
        "region-styles": [style for _mask, style in options.region] or None,
        "region-colors": [colors.get(mask, "") for mask in region_masks] if colors else None,
        "outside": options.outside,
        "strength-mask": options.strength_mask,
        "fine-style": options.fine_style,
    }
    return {
        "plug_in": str(PLUG_IN),
        "style": options.style,
        "masks": region_masks + ([options.strength_mask] if options.strength_mask else []),
        "arguments": {name: value for name, value in values.items() if value is not None},
        "pictures": pictures,
    }


def list_pictures(paths) -> list:
    """Return the pictures to paint. A folder stands for its files, without hidden files and subfolders.

    Raises:
        OSError: a folder cannot be read.
    """
    pictures = []
    for path in paths:
        if path.is_dir():
            pictures += sorted(
                item for item in path.iterdir() if item.is_file() and not item.name.startswith(".")
            )
        else:
            pictures.append(path)
    return list(dict.fromkeys(picture.resolve() for picture in pictures))


def result_paths(pictures, output: Path, extension: str) -> list:
    """Return the path of each result. Pictures that differ only in their format keep it in the name."""
    stems = [picture.stem for picture in pictures]
    names = [
        picture.stem if stems.count(picture.stem) == 1 else picture.name.replace(".", "-")
        for picture in pictures
    ]
    counts, unique_names = {}, []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique_names.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
    return [output.resolve() / f"{name}.{extension}" for name in unique_names]


def find_gimp(program) -> str:
    """Return the gimp-console to start, or "" if there is none. ``program`` is the one the user asked for."""
    program = program or os.environ.get("GIMP_CONSOLE")
    if program:
        return shutil.which(program) or ""
    for name in GIMP_CONSOLES:
        path = shutil.which(name)
        if path:
            return path
    return next((path for path in INSTALLED_CONSOLES if os.path.isfile(path)), "")


def paint_all(gimp: str, job: dict, folder: Path) -> dict:
    """Paint all pictures. If GIMP crashes, start it again for the rest.

    Return a dictionary from picture to error message, "" if it was painted. It lacks pictures if GIMP cannot
    run.
    """
    outcomes, remaining = {}, job["pictures"]
    while remaining:
        new_outcomes = run_gimp(gimp, dict(job, pictures=remaining), folder, len(job["pictures"]))
        if not new_outcomes:
            break
        outcomes.update(new_outcomes)
        remaining = [pair for pair in remaining if pair[0] not in outcomes]
    return outcomes


def run_gimp(gimp: str, job: dict, folder: Path, total: int) -> dict:
    """Start GIMP once, print its progress, and return the outcomes of the pictures that it came to.

    The job has the last pictures of ``total``.
    """
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    script = f"exec(open({str(HERE / 'inside_gimp.py')!r}, encoding='utf-8').read())"
    line = [gimp, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
    environment = dict(os.environ, NST_BATCH_JOB=str(folder / "job.json"))
    outcomes, number = {}, total - len(job["pictures"])
    with open(folder / "gimp.log", "wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            for raw_line in process.stdout:
                text = raw_line.decode("utf-8", "replace").strip()
                if not text.startswith(EVENT_PREFIX):
                    continue
                event = json.loads(text[len(EVENT_PREFIX) :])
                if event["event"] == "begin":
                    number += 1
                    outcomes[event["picture"]] = "GIMP crashed while painting it."
                    print(f"[{number}/{total}] {event['picture']}", flush=True)
                else:
                    outcomes[event["picture"]] = event["problem"]
                    for message in (*event["notices"], outcome_message(event)):
                        print(f"[{number}/{total}]   {message}", flush=True)
            process.wait()
        except BaseException:
            process.terminate()  # the engine sees the end of its stdin and ends, too
            process.wait()
            raise
    return outcomes


def outcome_message(event: dict) -> str:
    """Return the error of a picture that failed, or else the time that it took."""
    return f"failed: {event['problem']}" if event["problem"] else f"{event['seconds']:.1f} s"


def check_results(pictures, results, *, overwrite: bool):
    """Return (pairs of picture and result to paint, dictionary from picture to error message)."""
    to_paint, problems = [], {}
    for picture, result in zip(pictures, results):  # noqa: B905 - strict came with 3.10
        if result in pictures:
            problems[str(picture)] = f"{result} is one of the pictures to paint; choose another --output."
        elif result.exists() and not overwrite:
            problems[str(picture)] = f"{result} already exists; --overwrite replaces it."
        else:
            to_paint.append([str(picture), str(result)])
    return to_paint, problems


def main(arguments=None) -> int:
    """Run the command and return the exit status."""
    options = parse_command_line(arguments)
    gimp = find_gimp(options.gimp)
    if not gimp:
        print(
            "No GIMP 3 was found. Install it, or give the path of its gimp-console with --gimp.",
            file=sys.stderr,
        )
        return 3
    try:
        pictures = list_pictures(options.pictures)
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Choose another folder.", file=sys.stderr)
        return 2
    if not pictures:
        print("There are no pictures in the folder.", file=sys.stderr)
        return 2
    results = result_paths(pictures, options.output, options.format.lower().lstrip("."))
    to_paint, problems = check_results(pictures, results, overwrite=options.overwrite)
    with tempfile.TemporaryDirectory(prefix="nst-batch-") as folder:
        outcomes = paint_all(gimp, build_job(options, to_paint), Path(folder))
        gimp_log = (Path(folder) / "gimp.log").read_text("utf-8", "replace") if to_paint else ""
    for picture, _result in to_paint:
        problems[picture] = outcomes.get(picture, "GIMP could not be started.")
    failed = {picture: problem for picture, problem in problems.items() if problem}
    print(f"{len(problems) - len(failed)} painted, {len(failed)} failed.")
    for picture, problem in failed.items():
        print(f"  {picture}: {problem}", file=sys.stderr)
    if to_paint and not outcomes:
        print(gimp_log[-2000:], file=sys.stderr)
        return 3
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that GIMP is ended, too
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
