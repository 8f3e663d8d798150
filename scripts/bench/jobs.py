"""What is measured beside throughput: limits of the machine, one text at a time, start-up, memory, selection and training.

Each function gives rows of figures, which tables.py tells: {"what", "values", "unit"}, a value for each round.
"""

import random
import re
import sys

import numpy as np

import texts
from models import ROOT
from programs import HERE, PRECISIONS
from runs import LeftOut, call, say

REPEATED = 0.6  # share of the lines of a set that stand in it before
SEED = 3
EACH = 100  # texts that are labelled one at a time, of each length
LATENCY_TOKENS = (12, 50)
STARTS = 10
JOB = 2000  # texts of the job whose memory is told
GO_BENCHMARKS = {  # package, benchmark
    "least sure 100 of 1,000,000 items with 10 classes (breaking ties)": ("./activelearn", "BenchmarkSelect/.*BreakingTies/100of1000000"),
    "head of 150 classes trained on 1,000 labels, 10,000 unlabelled items beside": ("./activelearn/head", "BenchmarkFit/.*_150_classes"),
}


def row(what, values, unit):
    return {"what": what, "values": values, "unit": unit}


def told(measure):
    """Let a part that fails be told and left out."""

    def measured(*arguments):
        print(measure.__doc__.splitlines()[0], file=sys.stderr)
        try:
            return measure(*arguments)
        except LeftOut as error:
            say(f"left out: {error}")
            return [{"what": f"{measure.__name__.replace('_', ' ')}: left out, {error}", "values": [], "unit": ""}]

    return measured


@told
def matrix_products(threads, rounds):
    """The highest rates of matrix products."""
    peaks = [call([sys.executable, HERE / "gemm.py", "--threads", threads]).printed for _ in range(rounds)]
    return [row(f"matrix products by oneDNN, {kind}", [peak[kind] for peak in peaks], "GFLOP/s") for kind in peaks[0]]


@told
def repeats(programs, model, items):
    """How much faster a job is done when lines of it repeat others."""
    lines = texts.read(items.path)
    draw = random.Random(SEED)
    some = lines[: round((1 - REPEATED) * len(lines))]
    some += draw.choices(some, k=len(lines) - len(some))
    draw.shuffle(some)
    again = items.path.with_suffix(".repeated.jsonl")
    texts.write(again, some)
    first, second = (programs.labelloop(model, path, "text-classification").seconds for path in (items.path, again))
    return [row(f"{items.items:,} texts of mixed lengths, of which {100 * REPEATED:.0f} % repeat others / without", [first / second], "times as fast")]


@told
def latency(programs, model, maker, rounds):
    """Labelling one text at a time, loaded before."""
    contenders = {
        "labelloop serve": ("labelloop_serve.py", "--binary", programs.binary),
        "onnxruntime (Python)": ("python_ort.py",),
        "transformers pipeline": ("transformers_pipeline.py",),
    }
    every = maker.make("one at a time", [n for n in LATENCY_TOKENS for _ in range(EACH)])
    parts = [maker.make(f"{n} tokens", [n] * EACH) for n in LATENCY_TOKENS]
    found = {}  # (tokens, contender, quantile): milliseconds of each round

    def keep(part, name, half, most):
        for which, seconds in (("p50", half), ("p99", most)):
            found.setdefault((part.title, name, which), []).append(1000 * float(seconds))

    for _ in range(rounds):
        for name, (script, *flags) in contenders.items():
            each = programs.python(script, model, every.path, *flags, "--each").printed["each"]
            for i, part in enumerate(parts):
                keep(part, name, *np.quantile(each[i * EACH : (i + 1) * EACH], (0.5, 0.99)))
        for part in parts:
            alone = programs.stages(model, part.path, "--one").printed
            keep(part, "the graph alone", alone["run_p50"], alone["run_p99"])
    return [row(f"one text of {part}, {name}, {which}", values, "ms") for (part, name, which), values in sorted(found.items())]


@told
def start_up(programs, model, one):
    """From the start of a process to the end of its work on one text."""
    task = "text-classification"
    rows = [
        row(f"labelloop label, {precision}", [programs.labelloop(model, one.path, task, precision=precision).wall for _ in range(STARTS)], "s")
        for precision in PRECISIONS
    ]
    for name, script in (("onnxruntime (Python)", "python_ort.py"), ("transformers pipeline", "transformers_pipeline.py")):
        rows.append(row(name, [programs.python(script, model, one.path).wall], "s"))
    return rows


@told
def memory(programs, model, items):
    """Resident memory at most of a job."""
    return [
        row(f"labelloop label, {precision}, {items.items:,} texts of mixed lengths",
            [programs.labelloop(model, items.path, "text-classification", precision=precision).peak_mb], "MB")
        for precision in PRECISIONS
    ]  # fmt: skip


@told
def selection_and_training():
    """Choosing what people see, and training a head on what they said."""

    def parse(printed):
        return {"seconds": float(re.search(r"^Benchmark.*?([\d.]+) ns/op", printed, re.MULTILINE)[1]) / 1e9}

    rows = []
    for what, (package, name) in GO_BENCHMARKS.items():
        run = call(["go", "test", "-C", ROOT, "-run", "^$", "-bench", name, package], parse)
        rows.append(row(what, [1000 * run.seconds], "ms"))
    return rows
