#!/usr/bin/env python3
"""Paint a folder of pictures in the style of one or more paintings, in one start of GIMP.

The pictures can be in any format that GIMP opens. The results are XCF files, with the result as a layer, or
any format that GIMP exports. Regions are given by the names of channels, layers or groups in each picture, so
they need XCF files or another format that keeps these. If a picture fails, the others are still painted. At
the end the failures are listed, and the exit status is 1 (2: wrong command line; 3: GIMP itself cannot be
run). Results that are there already are passed over.

Runs in any Python 3.9 or newer, with only the standard library.
"""

from __future__ import annotations

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
sys.path[:0] = [str(HERE), str(PLUG_IN)]
from batch_command_line import parse_command_line  # noqa: E402
from nst_gimp.settings.contract import GIMP_CONSOLES  # noqa: E402
from nst_gimp.settings.settings_table import SETTINGS  # noqa: E402
from picture_list import describe_passed_over, list_pictures, printable, result_paths  # noqa: E402
from sheet_plan import problem_with  # noqa: E402

EVENT_PREFIX = "neural-style-batch "
"""The script inside GIMP prints its events on lines that start with this."""

INSTALLED_CONSOLES = (
    "/Applications/GIMP.app/Contents/MacOS/gimp-console",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.2.exe",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.0.exe",
)
"""The usual paths of gimp-console outside the PATH."""

STYLE_COLORS = "none"
"""The keep-colors with which the result has the style's colours."""

CRASHED = {"outcome": "failed", "problem": "GIMP crashed while painting it."}


class WrongFormatError(Exception):
    """GIMP cannot write the results or the sheet. The text says why, and what to do."""


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
    keep_colors = values.get("keep-colors", STYLE_COLORS)
    all_colors = [colors.get(mask, keep_colors) for mask in region_masks]
    if options.style:
        all_colors.append(keep_colors)
    return {
        "plug_in": str(PLUG_IN),
        "batch": str(HERE),
        "style": options.style,
        "masks": region_masks + ([options.strength_mask] if options.strength_mask else []),
        "arguments": {name: value for name, value in values.items() if value is not None},
        "style_colors": STYLE_COLORS in all_colors,
        "output": os.path.abspath(options.output),
        "format": options.format,
        "overwrite": options.overwrite,
        "keep_location": options.keep_location,
        "sheet": os.path.abspath(options.sheet) if options.sheet else "",
        "sheet_of": [],
        "pictures": pictures,
    }


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

    Return a dictionary from picture to its last event. It lacks pictures if GIMP cannot run.

    Raises:
        WrongFormatError: GIMP cannot write the results.
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
    """Start GIMP once, print its progress, and return the last events of the pictures that it came to.

    The job has the last pictures of ``total``.

    Raises:
        WrongFormatError: GIMP cannot write the results.
    """
    log_path = folder / "gimp.log"
    (folder / "job.json").write_text(json.dumps(dict(job, log=str(log_path))), encoding="utf-8")
    script = f"exec(open({str(HERE / 'inside_gimp.py')!r}, encoding='utf-8').read())"
    start = "-id" if job["sheet_of"] else "-idf"  # no window, no brushes; fonts only to write names
    line = [gimp, start, "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
    environment = dict(os.environ, NST_BATCH_JOB=str(folder / "job.json"))
    outcomes, number = {}, total - len(job["pictures"])
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            for raw_line in process.stdout:
                text = raw_line.decode("utf-8", "replace").strip()
                if not text.startswith(EVENT_PREFIX):
                    continue
                event = json.loads(text[len(EVENT_PREFIX) :])
                if event["event"] == "format":
                    process.wait()
                    raise WrongFormatError(
                        f"GIMP cannot write .{event['format']} files into {event['folder']}: "
                        f"{event['problem']}\nChoose another format or folder."
                    )
                if event["event"] == "begin":
                    number += 1
                if "picture" in event:
                    outcomes[event["picture"]] = CRASHED if event["event"] == "begin" else event
                count = "" if event["event"] == "sheet" else f"[{number}/{total}] "
                for text in describe(event, job):
                    print(printable(count + text), flush=True)
            process.wait()
        except BaseException:
            process.terminate()  # the engine sees the end of its stdin and ends, too
            process.wait()
            raise
    return outcomes


def describe(event: dict, job: dict) -> list:
    """Return lines about an event of the script inside GIMP, which does ``job``."""
    if event["event"] == "sheet":
        return describe_sheet(event, job["sheet"])
    if event["event"] == "waiting":
        return [f"Waiting for another program that is painting {event['count']} of the pictures."]
    if event["event"] == "queued":
        return [f"  Waiting until this computer has finished other paintings: {event['count']}."]
    if event["event"] == "begin":
        return [event["picture"]]
    outcomes = {
        "painted": f"{event['seconds']:.1f} s",
        "there": "Another program has painted it.",
        "failed": f"failed: {event['problem']}",
    }
    return [f"  {text}" for text in (*event["notices"], outcomes[event["outcome"]])]


def describe_sheet(event: dict, sheet: str) -> list:
    """Return lines about the contact sheet."""
    if event["problem"]:
        return [f"{sheet} cannot be written: {event['problem']}"]
    lines = [f"{path} is not on the sheet: {problem}" for path, problem in event["left_out"].items()]
    count = event["count"]
    if not count:
        return [*lines, "There are no results, so there is no contact sheet."]
    return [*lines, f"{sheet}: {count} {'result' if count == 1 else 'results'} on a contact sheet."]


def write_sheet(gimp: str, job: dict, results, folder: Path) -> bool:
    """Start GIMP for the contact sheet of ``results``. Return whether it is written or would be empty."""
    named = [[str(result), result.name] for result in results if os.path.lexists(result)]
    if not named:
        print("There are no results, so there is no contact sheet.")
        return True
    before = file_time(job["sheet"])
    run_gimp(gimp, dict(job, pictures=[], sheet_of=named), folder, 0)
    return file_time(job["sheet"]) != before


def file_time(path: str):
    """Return the time at which a file was written, or None if there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def check_results(pictures, results, *, overwrite: bool):
    """Return (pairs of picture and result to paint, number of results there, picture -> error message)."""
    to_paint, there, problems = [], 0, {}
    originals = {os.path.realpath(picture) for picture in pictures}
    for picture, result in zip(pictures, results):  # noqa: B905 - strict came with 3.10
        if os.path.realpath(result) in originals:
            problems[str(picture)] = f"{result} is one of the pictures to paint; choose another --output."
        elif os.path.lexists(result) and not overwrite:
            there += 1
        else:
            to_paint.append([str(picture), str(result)])
    return to_paint, there, problems


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
        listing = list_pictures(options.pictures, options.output)
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Choose another folder.", file=sys.stderr)
        return 2
    for sentence in describe_passed_over(listing.others):
        print(sentence, flush=True)
    if not listing.pictures and not listing.unusable:
        print("There are no pictures in the folder.", file=sys.stderr)
        return 2
    return paint_listing(gimp, listing, options)


def paint_listing(gimp: str, listing, options) -> int:
    """Paint the listed pictures, print what became of them, and return the exit status."""
    results = result_paths(listing.pictures, options.output, options.format)
    to_paint, there, problems = check_results(listing.pictures, results, overwrite=options.overwrite)
    problems.update(listing.unusable)
    if options.sheet:
        problem = problem_with(
            str(options.sheet), map(str, listing.pictures), map(str, results), overwrite=options.overwrite
        )
        if problem:
            print(printable(problem), file=sys.stderr)
            return 2
        options.sheet.absolute().parent.mkdir(parents=True, exist_ok=True)
    job, has_sheet = build_job(options, to_paint), True
    with tempfile.TemporaryDirectory(prefix="nst-batch-") as folder:
        try:
            outcomes = paint_all(gimp, job, Path(folder))
            if options.sheet:
                has_sheet = write_sheet(gimp, job, results, Path(folder))
        except WrongFormatError as error:
            print(error, file=sys.stderr)
            return 2
        gimp_log = (Path(folder) / "gimp.log").read_text("utf-8", "replace") if to_paint else ""
    started = bool(outcomes)
    outcomes = {
        picture: outcomes.get(picture, dict(CRASHED, problem="GIMP could not be started."))
        for picture, _result in to_paint
    }
    ends = [event["outcome"] for event in outcomes.values()]
    problems.update(
        (picture, event["problem"]) for picture, event in outcomes.items() if event["outcome"] == "failed"
    )
    print(summary(ends.count("painted"), len(problems), there + ends.count("there")))
    for picture, problem in problems.items():
        print(printable(f"  {picture}: {problem}"), file=sys.stderr)
    if to_paint and not started:
        print(gimp_log[-2000:], file=sys.stderr)
        return 3
    return 0 if has_sheet and not problems else 1


def summary(painted: int, failed: int, there: int) -> str:
    """Return the numbers of pictures in one sentence."""
    parts = [f"{painted} painted", f"{failed} failed"]
    if there:
        parts.append(f"{there} there already (--overwrite paints again)")
    return ", ".join(parts) + "."


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # names may have characters that cannot be shown
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that GIMP is ended, too
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
