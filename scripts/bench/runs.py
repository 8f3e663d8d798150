"""Programs that are measured: each in a process of its own, within a time limit, in turn with the others."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

LIMIT = 150  # seconds that a program may take

# What is measured asks nobody for anything. (Tokenizers keep their threads, unlike in training.)
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "ORT_DISABLE_TELEMETRY": "1"}


class LeftOut(Exception):
    """Why a contender can't be measured."""


@dataclass
class Run:
    """What a process gave and took."""

    printed: dict
    seconds: float  # of the work itself, as the program tells
    wall: float  # seconds from its start to its end
    peak_mb: float  # resident memory at most
    output: Any = None  # labels, or an array of embeddings


def call(command, parse=json.loads):
    """Run a command; parse makes an object of what it prints. LeftOut if it fails, or takes longer than LIMIT."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, process_group=0)
    late = threading.Event()

    def stop():
        late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(LIMIT, stop)
    timer.start()
    try:
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # which tells this child's peak, unlike getrusage
        process.returncode = os.waitstatus_to_exitcode(status)
    except KeyboardInterrupt:  # which only this process got
        stop()
        raise
    finally:
        timer.cancel()
    wall = time.perf_counter() - begin
    if late.is_set():
        raise LeftOut(f"no end within {LIMIT} s")
    if process.returncode:
        raise LeftOut(f"exit status {process.returncode}")
    try:
        found = parse(printed)
    except (ValueError, TypeError) as error:
        raise LeftOut(f"prints {printed[:80]!r}") from error
    return Run(found, found.get("seconds", wall), wall, usage.ru_maxrss * 1024 / 1e6)


def say(text):
    print(f"    {text}", file=sys.stderr, flush=True)


def tune(name, settings, run):
    """Return the setting of fewest seconds; run takes one and returns a Run."""
    seconds = dict.fromkeys(settings, float("inf"))
    for setting in settings:
        try:
            seconds[setting] = run(setting).seconds
            say(f"{name} {' '.join(setting)}: {seconds[setting]:.2f} s")
        except LeftOut as error:
            say(f"{name} {' '.join(setting)}: {error}")
    return min(settings, key=seconds.get)


def measure(contenders, rounds):
    """Run each of {name: function that returns a Run} once in each round; each round begins with another.

    Returns {name: [Run of each round]} and {name: why it was left out}.
    """
    runs, left_out = {name: [] for name in contenders}, {}
    for r in range(rounds):
        names = list(contenders)
        for name in names[r % len(names) :] + names[: r % len(names)]:
            if name in left_out:
                continue
            try:
                runs[name].append(contenders[name]())
                say(f"round {r + 1}: {name}: {runs[name][-1].seconds:.2f} s")
            except LeftOut as error:
                left_out[name] = str(error)
                say(f"round {r + 1}: {name}: left out: {error}")
    return {name: done for name, done in runs.items() if name not in left_out}, left_out
