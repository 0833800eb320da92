#!/usr/bin/env python3
"""Stands in for the engine's Python in tests: speaks the protocol, paints nothing, and misbehaves on demand.

Started like a Python (its arguments are ignored). The folder $NST_FAKE holds ``mode``, one word and its
argument; a mode of ``real`` starts the command in the file ``real`` instead, and so does the command ``nst``.
``recorded`` is the real engine, with its events in ``events.jsonl``. Requests are kept there as
``request.json``, the process id as ``pid``.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HOME = Path(os.environ["NST_FAKE"])
stop = threading.Event()
requests = queue.SimpleQueue()


def say(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def listen():
    """Read stdin to its end, which means that the caller is gone, and delete its job directory then."""
    job, rest = os.environ.get("NST_JOB_DIRECTORY", ""), b""
    while True:
        block = os.read(0, 65536)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["command"] == "stop":
                stop.set()
            else:
                stop.clear()
                job = message.get("job_directory", job)
                requests.put(message)
    if job and Path(job).name.startswith("nst-job-"):
        shutil.rmtree(job, ignore_errors=True)
    with contextlib.suppress(OSError):
        (HOME / "pid").unlink()
    os._exit(0)


def progress(request, seconds, steps):
    """Report for about ``seconds``, with previews that go from dark to light; end early on a stop."""
    started = time.monotonic()
    for step in range(1, steps + 1):
        level = 1 + (step - 1) * 2 // steps
        say(event="progress", level=level, levels=2, iteration=step, iterations=steps, fraction=step / steps,
            loss=100.0 / step, seconds=time.monotonic() - started,
            seconds_left=None if step < 3 else seconds * (1 - step / steps), terms={})  # fmt: skip
        preview = request.get("preview")
        if preview:
            width, height = 90, 60
            row = bytes(value for x in range(width) for value in (255 * step // steps, x * 2, 120))
            beside = Path(preview["path"] + ".part")
            beside.write_bytes(row * height)
            beside.replace(preview["path"])
            say(
                event="preview", path=preview["path"], width=width, height=height, level=level, iteration=step
            )
        if stop.wait(seconds / steps):
            break


def paint(request, how):
    """Write the result: the content as it is ("copy"), or its colours inverted."""
    content, target = request["content"], Path(request["result"])
    if how == "copy":
        shutil.copyfile(content["path"], target)
        return
    from array import array

    values = array("f", Path(content["path"]).read_bytes())
    channels = content["channels"]
    for channel in range(channels - 1 + channels % 2):
        values[channel::channels] = array("f", [1.0 - value for value in values[channel::channels]])
    if channels % 2 == 0:  # an engine's own idea of alpha must not come through
        values[channels - 1 :: channels] = array("f", [0.5]) * (len(values) // channels)
    target.write_bytes(values.tobytes())


def stylize(request, mode, argument):
    first, *_others = [
        *request["styles"],
        *(style for each in request.get("regions", []) for style in each["styles"]),
    ]
    shutil.copyfile(first["path"], HOME / "style.f32")
    for number, region in enumerate(request.get("regions", [])):
        shutil.copyfile(region["mask"]["path"], HOME / f"mask-{number}.f32")
    for name in ("selection", "strength_mask"):
        if name in request:
            shutil.copyfile(request[name]["path"], HOME / f"{name}.f32")
    say(event="plan", levels=[{"width": 32, "height": 32, "iterations": 2}], engine="fake",
        device="Fake device", model="fake", model_sha256="f" * 64, seed=7,
        seconds=12.0, bytes=1)  # fmt: skip
    if mode == "notice":
        say(event="notice", code="empty-region", message="The sky is too small for relu5_1.")
    if mode == "error":
        say(event="error", code=argument, message="The fake engine was told to fail.", hint="Tell it not to.")
        return
    slow = mode == "slow" or (mode == "notice" and argument)
    progress(request, *((float(argument or 3), 30) if slow else (0.02, 4)))
    if mode == "crash":
        sys.stderr.write("Traceback: the fake engine fell over\n")
        os._exit(3)
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "garbage":
        sys.stdout.write("WARNING: something printed by a library\n")
        sys.stdout.flush()
    if mode == "flood":
        sys.stdout.write("x" * 5_000_000)
        sys.stdout.flush()
    paint(request, "invert" if mode == "invert" else "copy")
    content = request["content"]
    if mode == "wrong-size":
        Path(request["result"]).write_bytes(b"\0" * 64)
    if mode == "no-result":
        Path(request["result"]).unlink()
    say(event="done", width=content["width"], height=content["height"], channels=content["channels"], seed=7,
        model="fake", model_sha256="f" * 64, loss=1.5, seconds=0.1, settings=request["settings"],
        stopped=stop.is_set())  # fmt: skip


def record(command):
    """Be the real engine, whose events are written down; it sees the end of stdin by itself."""
    (HOME / "pid").write_text(str(os.getpid()))
    engine = subprocess.Popen(command, stdout=subprocess.PIPE)
    with (HOME / "events.jsonl").open("ab") as events:
        for line in engine.stdout:
            events.write(line)
            events.flush()
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    status = engine.wait()
    (HOME / "pid").unlink(missing_ok=True)
    os._exit(status)


def main():
    mode, _, argument = (HOME / "mode").read_text().strip().partition(" ")
    if mode == "real" or ("nst_core.cli" in sys.argv and mode != "missing-core"):
        command = json.loads((HOME / "real").read_text())
        os.execvp(command[0], [*command, *sys.argv[1:]])  # noqa: S606
    if mode == "recorded":
        record([*json.loads((HOME / "real").read_text()), *sys.argv[1:]])
    if mode == "missing-core":
        sys.stderr.write("/usr/bin/python3: Error while finding module: No module named 'nst_core'\n")
        sys.exit(1)
    (HOME / "pid").write_text(str(os.getpid()))
    (HOME / "environment.json").write_text(json.dumps(dict(os.environ)))
    threading.Thread(target=listen, daemon=True).start()
    if mode == "hang":
        threading.Event().wait()
    hello_seconds, request_seconds = map(float, argument.split()) if mode == "late" else (0.0, 0.0)
    time.sleep(hello_seconds)
    say(event="hello", protocol=99 if mode == "wrong-protocol" else 1, version="0.0.1", engine="fake",
        device="Fake device")  # fmt: skip
    while True:
        request = requests.get()
        mode, _, argument = (HOME / "mode").read_text().strip().partition(" ")
        time.sleep(request_seconds)
        answer(request, mode, argument)


def answer(request, mode, argument):
    with (HOME / "requests.jsonl").open("a") as file:
        file.write(json.dumps(request) + "\n")
    if mode == "crash-on-request":
        os._exit(7)
    if request["command"] == "doctor":
        say(event="doctor", report={}, text="Network: vgg16")
    elif request["command"] == "plan":
        say(event="plan", levels=[], engine="fake", device="Fake device", model="fake", model_sha256="",
            seconds=95.0, bytes=1_230_000_000)  # fmt: skip
    else:
        (HOME / "request.json").write_text(json.dumps(request))
        stylize(request, mode, argument)
    if request["command"] != "stylize":
        say(event="done")


main()
