#!/usr/bin/env python3
"""Measure labelloop's speed beside other ways to run the same models, and write it to docs/benchmarks.md and README.md.

    make bench-peers

Everything runs on the same cores, items and weights. In each round every contender runs once, in turn, in a process
of its own. What they find is compared. All figures are kept in out/bench/results.json, from which tables.py and
plot.py write. docs/benchmarks.md says what is measured and why.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

import jobs
import plot
import tables
import texts
from clip import LABELS, TEMPLATE, many_labels
from itemsets import SEED, Texts, make_pictures, sized_pictures
from models import HERE, ROOT
from programs import BF16, Programs
from runs import LeftOut, measure

FOLDER = ROOT / "out" / "bench"
MIXED = (8, 400)  # tokens
PART_TOKENS = {"minilm-clinc150": 5_000, "bert-base": 1_500}  # settings and numbers of texts are chosen on so many
PICTURES_SECONDS = 2.5  # that labelloop takes for a set
TASK = "text-classification"
MANY_LABELS, THEIR_PICTURES = 50, 16
PREPARED = 50  # pictures that are decoded and resized on one core
AGREEMENT, COSINE = 0.999, 0.9999  # that labels and embeddings have to reach
ROUNDED = ("int8", "bf16")  # these may differ more, and it is told by how much
PACKAGES = ("onnxruntime", "transformers", "torch", "tokenizers", "optimum-onnx", "sentence-transformers", "fastembed", "openvino")


def same(found, reference):
    """Return the share of equal labels, or the lowest cosine of embeddings."""
    if isinstance(reference, np.ndarray):
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(reference, axis=1)
        return float(((found * reference).sum(axis=1) / lengths).min())
    return sum(a == b for a, b in zip(found, reference)) / max(len(found), len(reference))


class Results:
    """The figures so far, kept in a file after each set."""

    def __init__(self, args):
        self.rounds, self.complaints = args.rounds, []
        self.found = {"about": machine(args), "threads": args.threads, "rounds": args.rounds, "sets": [], "sections": {}}

    def save(self):
        (FOLDER / "results.json").write_text(json.dumps(self.found, indent=1), "utf-8")

    def add(self, title, items, contenders, reference, settings=None):
        """Measure {name: function that returns a Run} on a set; what they find is compared with what the one named reference does."""
        print(f"{time.strftime('%H:%M:%S')} {title}", file=sys.stderr)
        runs, left_out = measure(contenders, self.rounds)
        rows = []
        for name in contenders:
            row = {"name": name, "setting": (settings or {}).get(name, ""), "left_out": left_out.get(name)}
            if name in runs:
                row |= {"seconds": [r.seconds for r in runs[name]], "peak_mb": max(r.peak_mb for r in runs[name]), "same": None}
                if reference in runs and runs[name][-1].output is not None:
                    row["same"] = same(runs[name][-1].output, runs[reference][-1].output)
                    least = COSINE if isinstance(runs[name][-1].output, np.ndarray) else AGREEMENT
                    if row["same"] < least and not any(kind in name for kind in ROUNDED):
                        self.complaints.append(f"{title}: {name}: {row['same']:.4f} of what {reference} finds")
            else:
                self.complaints.append(f"{title}: {name}: left out: {left_out[name]}")
            rows.append(row)
        self.found["sets"].append({"title": title, "items": items.items, "tokens": items.tokens, "rows": rows})
        self.save()

    def section(self, title, *rows):
        self.found["sections"].setdefault(title, []).extend(row for some in rows for row in some)
        self.save()


def machine(args):
    """Describe the machine, and the versions of what is run."""
    info = Path("/proc/cpuinfo").read_text()
    cpu = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown")
    flags = next((line.split() for line in info.splitlines() if line.startswith("flags")), [])
    simd = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    module = next(line.split() for line in (HERE / "hugot" / "go.mod").read_text().splitlines() if "hugot v" in line)
    program = subprocess.run([args.binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return (
        f"{args.threads} threads, {args.rounds} rounds, medians. {cpu} ({', '.join(simd)}), {platform.system()}, {datetime.date.today()}; "
        f"{program}; {packages}, hugot {module[-1]}."
    )


def classifiers(programs, model, part, items, wide=True):
    """Return the contenders on a text classifier, and the settings that were chosen for them; wide: those that round as well, and Optimum."""
    path, settings = items.path, {}
    mixed = items.title.startswith("mixed")

    def python(script, *flags):
        return lambda: programs.python(script, model, path, *flags)

    def alone():
        """Of texts of one length a part does, and leaves time for the others."""
        run = programs.alone(model, path if mixed else part.path)
        run.seconds *= items.items / run.printed["items"]
        return run

    contenders = {
        "labelloop": lambda: programs.labelloop(model, path, TASK),
        "the graph alone, on labelloop's batches": alone,
        "onnxruntime (Python), sorted": python("python_ort.py"),
        "transformers pipeline": python("transformers_pipeline.py"),
    }
    if BF16:
        contenders["labelloop, bf16"] = lambda: programs.labelloop(model, path, TASK, precision="bf16")
    orders = {"hugot, in the order given": ()}
    precisions = ["f32"]
    if wide:
        contenders["labelloop, int8"] = lambda: programs.labelloop(model, path, TASK, precision="int8")
        contenders["Optimum pipeline, in the order given"] = python("optimum_pipeline.py")
        if mixed:
            orders["hugot, sorted by its user"] = ("-sorted",)
        precisions += ["bf16"] * BF16
    for name, flags in orders.items():
        best = programs.tune_hugot(model, part.path, *flags)
        settings[name] = shown(best)
        contenders[name] = lambda best=(*best, *flags): programs.hugot(model, path, *best)
    best = programs.tune_openvino(model, part.path)
    for precision in precisions:
        name = f"OpenVINO (Python), {precision}, sorted"
        settings[name] = shown(best)
        contenders[name] = python("python_openvino.py", f"--precision={precision}", *best)
    return {name: contenders[name] for name in sorted(contenders, key=tables.ORDER.index)}, settings


def shown(setting):
    return " ".join(word.lstrip("-") for word in setting)


def measure_texts(results, programs, folder, scale):
    """Measure the classifiers and the embedder; return what makes texts."""
    maker = Texts(folder / "minilm-clinc150", FOLDER)

    def alike(tokens):
        return lambda n: [tokens] * n

    wanted = [  # model, title, lengths of n texts, seconds that labelloop takes
        ("minilm-clinc150", f"mixed, {MIXED[0]} to {MIXED[1]} tokens", lambda n: texts.log_uniform(n, *MIXED, SEED), 3.2),
        ("minilm-clinc150", "one length, 12 tokens", alike(12), 4),
        ("minilm-clinc150", "one length, 50 tokens", alike(50), 4.6),
        ("minilm-clinc150", "one length, 400 tokens", alike(400), 5.2),
        ("bert-base", "BERT-base size, 50 tokens each", alike(50), 2.7),
    ]
    sets = []
    for name, title, lengths, seconds in wanted:
        print(f"{time.strftime('%H:%M:%S')} {title}: tuning", file=sys.stderr)
        model = folder / name
        part, items = maker.sized(title, lengths, PART_TOKENS[name] * scale, seconds * scale, lambda path: programs.labelloop(model, path, TASK))
        sets.append(items)
        contenders, settings = classifiers(programs, model, part, items, wide=name != "bert-base")
        results.add(f"{items.items:,} texts, {title}", items, contenders, "transformers pipeline", settings)

    items, model = sets[0], folder / "minilm"
    contenders = {
        "labelloop": lambda: programs.labelloop(model, items.path, "feature-extraction"),
        "sentence-transformers": lambda: programs.python("sentence_transformers_encode.py", model, items.path),
        "fastembed, in the order given": lambda: programs.python("fastembed_embed.py", model, items.path),
    }
    results.add(f"{items.items:,} texts, embeddings, {items.title}", items, contenders, "sentence-transformers")
    return maker


def measure_pictures(results, programs, folder, scale):
    seconds = PICTURES_SECONDS * scale

    def choice(labels):
        return ["--labels", ",".join(labels), "--template", TEMPLATE]

    def zero_shot(of, precision="fp32", labels=LABELS):
        return programs.labelloop(folder / "clip", of, "image-zero-shot", *choice(labels), precision=precision)

    items = sized_pictures("CLIP ViT-B/32", FOLDER / "pictures-clip", seconds, zero_shot)
    contenders = {
        "labelloop": lambda: zero_shot(items.folder),
        "labelloop, int8": lambda: zero_shot(items.folder, "int8"),
        **({"labelloop, bf16": lambda: zero_shot(items.folder, "bf16")} if BF16 else {}),
        "the graph alone, on labelloop's batches": lambda: programs.alone(folder / "clip", items.folder, *choice(LABELS)),
        "PyTorch loop, label embeddings kept": lambda: programs.python("clip_loop.py", folder / "clip", items.path),
        "transformers pipeline": lambda: programs.python("clip_pipeline.py", folder / "clip", items.path),
    }
    results.add(f"{items.items:,} pictures, {items.title}, {len(LABELS)} labels", items, contenders, "transformers pipeline")

    conse = programs.deps / "models" / "conse-lite0"
    few, many = make_pictures("CLIP ViT-B/32", FOLDER / "pictures-many-labels", THEIR_PICTURES), many_labels(conse, MANY_LABELS)
    contenders = {
        "labelloop": lambda: zero_shot(few.folder, labels=many),
        "transformers pipeline": lambda: programs.python("clip_pipeline.py", folder / "clip", few.path, "--labels", ",".join(many)),
    }
    results.add(f"{few.items} pictures, {few.title}, {MANY_LABELS} labels", few, contenders, "transformers pipeline")

    def embed(of):
        return programs.labelloop(conse, of, "image-feature-extraction")

    light = sized_pictures("EfficientNet-Lite0", FOLDER / "pictures-lite0", seconds, embed)
    contenders = {
        "labelloop": lambda: embed(light.folder),
        "onnxruntime (Python) and Pillow": lambda: programs.python("pillow_ort.py", conse, light.path),
    }
    results.add(f"{light.items:,} pictures, {light.title}, embeddings", light, contenders, "onnxruntime (Python) and Pillow")

    some = make_pictures("one core", FOLDER / "pictures-prepared", PREPARED)
    one = Programs(programs.binary, programs.deps, FOLDER, 1)

    def encode():
        run = one.stages(folder / "clip", some.folder, *choice(LABELS))
        run.seconds = run.printed["items"] / run.printed["encode"]
        return run

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:1])  # child processes inherit it
    try:
        contenders = {
            "labelloop": encode,
            "Pillow and CLIPImageProcessor": lambda: one.python("pillow_prepare.py", folder / "clip", some.path),
        }
        results.add(f"{PREPARED} pictures, bytes to values, one core", some, contenders, None)
    finally:
        os.sched_setaffinity(0, cores)


def measure_rest(results, programs, model, maker):
    rounds = results.rounds
    job = maker.make("job", texts.log_uniform(jobs.JOB, *MIXED, SEED))
    results.section("Limits", jobs.repeats(programs, model, job), jobs.matrix_products(programs.threads, rounds))
    results.section("One text at a time", jobs.latency(programs, model, maker, rounds))
    one = maker.make("one text", jobs.LATENCY_TOKENS[:1])
    results.section("Start to end of a process with one text", jobs.start_up(programs, model, one))
    results.section("Memory at most", jobs.memory(programs, model, job))
    results.section("Selection and training", jobs.selection_and_training())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deps", type=Path, default=ROOT / ".deps", help="folder that make deps fills")
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1, help="of the numbers of items")
    args = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    args.deps = args.deps.resolve()
    folder = FOLDER / "models"
    subprocess.run([sys.executable, "-W", "ignore", HERE / "models.py", "--deps", args.deps, "--out", folder], check=True)
    programs = Programs(args.binary, args.deps, FOLDER, args.threads)
    programs.build_hugot()

    results = Results(args)
    try:
        maker = measure_texts(results, programs, folder, args.scale)
        measure_pictures(results, programs, folder, args.scale)
        measure_rest(results, programs, folder / "minilm-clinc150", maker)
    except LeftOut as error:  # of labelloop itself, where the size of a set is chosen; what was measured before is told
        results.complaints.append(f"labelloop: {error}")
    tables.write(results.found)
    plot.write(results.found)
    if results.complaints:
        sys.exit("\n".join(results.complaints))


if __name__ == "__main__":
    main()
