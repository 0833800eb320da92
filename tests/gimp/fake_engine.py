#!/usr/bin/env python3
"""A stand-in for the engine's Python: speaks the protocol, paints nothing, and misbehaves on demand.

It is started like a Python and ignores its arguments. The folder $NST_FAKE holds ``mode``: one word and its
argument. In the mode ``real``, and for the command ``nst``, it runs the command in the file ``real`` instead.
In the mode ``recorded`` it runs the real engine as well, and writes its events to ``events.jsonl``. It writes
the last request to ``request.json``, all of them to ``requests.jsonl`` and its process number to ``pid``.
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
from array import array
from pathlib import Path

CARDS = ("AMD Radeon RX 7800 XT", "Intel Iris Xe Graphics")

FOLDER = Path(os.environ["NST_FAKE"])
stop = threading.Event()
requests = queue.SimpleQueue()
layout = {}
"""The settings that the caller has changed during the run."""


def send(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def write(path, content):
    """Write a file that readers see whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)


def read_mode():
    """Return the mode and its argument."""
    mode, _, argument = (FOLDER / "mode").read_text().strip().partition(" ")
    return mode, argument


def read_requests():
    """Read stdin to its end. Then the caller is gone: delete its job folder and exit."""
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
            elif message["command"] == "cancel":
                write(FOLDER / "cancelled", b"")
            elif message["command"] == "set":
                layout.update(message["settings"])
                write(FOLDER / "layout.json", json.dumps(layout).encode())
            else:
                stop.clear()
                layout.clear()
                job = message.get("job_directory", job)
                requests.put(message)
    if job and Path(job).name.startswith("nst-job-"):
        shutil.rmtree(job, ignore_errors=True)
    with contextlib.suppress(OSError):
        (FOLDER / "pid").unlink()
    os._exit(0)


def current_layout(request):
    """Return the field of a preview, or nothing in the mode "old", as engines without that setting do."""
    if read_mode()[0] == "old":
        return {}
    return {"color_layout": layout.get("color_layout", request["settings"].get("color-layout", 0.0))}


def progress(request, seconds, steps, worked=0.0):
    """Report for about ``seconds``, with previews that go from dark to light. A stop ends it early.

    The engine claims to have painted for ``worked`` seconds before.
    """
    started = time.monotonic() - worked
    for step in range(1, steps + 1):
        level = 1 + (step - 1) * 2 // steps
        send(event="progress", level=level, levels=2, iteration=step, iterations=steps, fraction=step / steps,
             loss=100.0 / step, seconds=time.monotonic() - started,
             seconds_left=None if step < 3 else seconds * (1 - step / steps), terms={})  # fmt: skip
        preview = request.get("preview")
        if preview:
            width, height = 90, 60
            row = bytes(value for x in range(width) for value in (255 * step // steps, x * 2, 120))
            write(Path(preview["path"]), row * height)
            send(event="preview", path=preview["path"], width=width, height=height, level=level,
                 iteration=step, **current_layout(request))  # fmt: skip
        if stop.wait(seconds / steps):
            break


def paint(request, method):
    """Write the result: the content as it is ("copy"), or its colours inverted."""
    content, target = request["content"], Path(request["result"])
    if method == "copy":
        shutil.copyfile(content["path"], target)
        return
    values = array("f", Path(content["path"]).read_bytes())
    channels = content["channels"]
    for channel in range(channels - 1 + channels % 2):
        values[channel::channels] = array("f", [1.0 - value for value in values[channel::channels]])
    if channels % 2 == 0:  # the plug-in must not take alpha from the engine
        values[channels - 1 :: channels] = array("f", [0.5]) * (len(values) // channels)
    target.write_bytes(values.tobytes())


def keep_pictures(request):
    """Copy the first style and all masks to where the tests look at them."""
    first, *_others = [
        *request["styles"],
        *(style for region in request.get("regions", []) for style in region["styles"]),
    ]
    shutil.copyfile(first["path"], FOLDER / "style.f32")
    for number, region in enumerate(request.get("regions", [])):
        shutil.copyfile(region["mask"]["path"], FOLDER / f"mask-{number}.f32")
    for name in ("selection", "strength_mask"):
        if name in request:
            shutil.copyfile(request[name]["path"], FOLDER / f"{name}.f32")


def stylize(request, mode, argument):
    keep_pictures(request)
    send(event="plan", levels=[{"width": 32, "height": 32, "iterations": 2}], engine="fake",
         device="Fake device", model="fake", model_sha256="f" * 64, seed=7,
         seconds=12.0, bytes=1)  # fmt: skip
    if mode == "notice":
        send(event="notice", code="empty-region", message="The sky is too small for relu5_1.")
    if mode == "error":
        send(
            event="error", code=argument, message="The fake engine was told to fail.", hint="Tell it not to."
        )
        return
    slow = mode in ("slow", "old", "long") or (mode == "notice" and argument)
    worked = 3600.0 if mode == "long" else 0.0
    progress(request, *((float(argument or 3), 30) if slow else (0.02, 4)), worked)
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
    send(event="done", width=content["width"], height=content["height"], channels=content["channels"], seed=7,
         model="fake", model_sha256="f" * 64, loss=1.5, seconds=0.1,
         settings={**request["settings"], **current_layout(request)}, stopped=stop.is_set())  # fmt: skip


def record_real_engine(command):
    """Run the real engine and write down its events. It notices the end of stdin by itself."""
    write(FOLDER / "pid", str(os.getpid()).encode())
    engine = subprocess.Popen(command, stdout=subprocess.PIPE)
    with (FOLDER / "events.jsonl").open("ab") as events:
        for line in engine.stdout:
            events.write(line)
            events.flush()
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    status = engine.wait()
    (FOLDER / "pid").unlink(missing_ok=True)
    os._exit(status)


def planned_size(request):
    """Return the size that the settings paint at: their long side, or the content's own."""
    width, height = request["content"]["width"], request["content"]["height"]
    scale = (request["settings"]["size"] or max(width, height)) / max(width, height)
    return round(width * scale), round(height * scale)


def planned_seconds(request, pixels):
    """Return the seconds that a painting of so many pixels is said to take."""
    return 95.0 * max(1.0, pixels / 200_000) / (2 if draft(request) else 1)


def fetch():
    """Imitate a download that lasts as long as the file ``slow-network``, and goes on where it stopped."""
    received = FOLDER / "received"
    done = int(received.read_text()) if received.exists() else 0
    while done < 1000:
        send(event="fetch", phase="download", done=done * 575_000, total=575_000_000)
        if (FOLDER / "slow-network").exists():
            done = min(done + 1, 500)
            time.sleep(0.05)
        else:
            done += 100
        write(received, str(done).encode())
    write(FOLDER / "network", b"")


def device(request):
    """Return the name of the device that the settings choose: a card by its number, or the usual one."""
    kind, _, number = request["settings"]["device"].partition(":")
    return CARDS[int(number or 0)] if kind == "webgpu" else "Fake device"


def draft(request):
    return request["settings"]["quality"] == "draft"


def answer(request, mode, argument):
    with (FOLDER / "requests.jsonl").open("a") as file:
        file.write(json.dumps(request) + "\n")
    if mode == "crash-on-request":
        os._exit(7)
    if mode == "no-network" and request["command"] == "plan" and not (FOLDER / "network").exists():
        send(event="error", code="no-model", message="No network is installed.", hint="Fetch one.")
        return
    if request["command"] == "fetch":
        fetch()
    elif request["command"] == "doctor":
        send(event="doctor", report={}, text="Network: vgg16")
    elif request["command"] == "devices":
        send(event="devices", cards=[{"device": f"webgpu:{index}", "name": name}
                                     for index, name in enumerate(CARDS)])  # fmt: skip
    elif request["command"] == "plan":
        width, height = planned_size(request)
        seconds, limit = planned_seconds(request, width * height), request["settings"]["time-limit"]
        while limit and seconds > limit:
            width, height = round(width / 1.25), round(height / 1.25)
            seconds = planned_seconds(request, width * height)
        send(event="plan", levels=[{"width": width, "height": height, "iterations": 2, "tiles": 1}],
             engine="fake", device=device(request), model="fake", model_sha256="", width=width, height=height,
             seconds=seconds, bytes=1_230_000_000)  # fmt: skip
    else:
        write(FOLDER / "request.json", json.dumps(request).encode())
        stylize(request, mode, argument)
    if request["command"] != "stylize":
        send(event="done")


def main():
    mode, argument = read_mode()
    if mode == "real" or ("nst_core.cli" in sys.argv and mode != "missing-core"):
        command = json.loads((FOLDER / "real").read_text())
        os.execvp(command[0], [*command, *sys.argv[1:]])  # noqa: S606
    if mode == "recorded":
        record_real_engine([*json.loads((FOLDER / "real").read_text()), *sys.argv[1:]])
    if mode == "missing-core":
        sys.stderr.write("/usr/bin/python3: Error while finding module: No module named 'nst_core'\n")
        sys.exit(1)
    write(FOLDER / "pid", str(os.getpid()).encode())
    write(FOLDER / "environment.json", json.dumps(dict(os.environ)).encode())
    threading.Thread(target=read_requests, daemon=True).start()
    if mode == "hang":
        threading.Event().wait()
    # "late" imitates an engine that starts slowly, for tests/bench/gimp_overhead.
    hello_seconds, request_seconds = map(float, argument.split()) if mode == "late" else (0.0, 0.0)
    time.sleep(hello_seconds)
    send(event="hello", protocol=99 if mode == "wrong-protocol" else 1, version="0.0.1", engine="fake",
         device="Fake device")  # fmt: skip
    while True:
        request = requests.get()
        mode, argument = read_mode()
        time.sleep(request_seconds)
        answer(request, mode, argument)


main()
