#!/usr/bin/env python3
"""Measure labelloop's throughput beside other ways to run the same model, and write the tables to docs/benchmarks.md.

    make bench

Everything runs on the same cores, texts and weights. In each round every contender runs once, in turn, in a process
of its own; ratios are taken within a round, and their medians are told. Each contender's labels are compared with
those of the transformers pipeline. docs/benchmarks.md says what is measured and why.
"""

import argparse
import csv
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import tokenizers

import texts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MIXED = (8, 400)  # tokens
MAX_TOKENS = MIXED[1]
ONE_LENGTH = (12, 50, 400)  # tokens
SEED = 3
TUNING_ITEMS = 96
FINALISTS = 3  # settings that are tried once more
HUGOT_BATCHES = (4, 8, 16, 32, 64)
OPENVINO_BATCHES = (1, 4, 8, 16)
REPEATED = 0.6  # share of the lines of the last set that stand in it before
SAMPLES = 512  # texts that the ranges of int8 are found on
AGREEMENT = 0.999
ROUNDED = ("int8", "bf16")  # these may differ more, and it is told by how much
BESIDE = {  # what the README compares with, and how the rows of the tables begin
    "transformers pipeline": "transformers pipeline",
    "hugot, settings chosen for these texts": "hugot, in the order given",
    "onnxruntime in Python, sorted": "onnxruntime (Python)",
    "OpenVINO in Python, sorted, settings chosen for these texts": "OpenVINO (Python), f32",
}
SUMMARY = "<!-- speed, written by make bench -->\n", "<!-- end of speed -->\n"
BEGIN, END = "<!-- written by make bench -->\n", "<!-- end -->\n"


def prepare_model(source, folder):
    """Lay a copy of a model directory that takes MAX_TOKENS, so that no text is cut, and does not pad.

    hugot and the tokenizers library do what tokenizer.json says, and many exports say 128. Weights are linked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file():
            (folder / path.name).unlink(missing_ok=True)
            os.link(path, folder / path.name)
    tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8"))
    tokenizer["truncation"] = {
        "direction": "Right",
        "max_length": MAX_TOKENS,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    tokenizer["padding"] = None
    config = json.loads((source / "tokenizer_config.json").read_text("utf-8"))
    config["model_max_length"] = MAX_TOKENS
    for name, value in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config)):
        (folder / name).unlink()
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def quantize(source, folder):
    """Make an int8 graph beside the model's own, with ranges from CLINC150's training texts; return its folder."""
    out = folder / "minilm-clinc150-int8"
    with open(ROOT / "testdata" / "clinc150" / "train.csv", encoding="utf-8", newline="") as file:
        lines = [row["text"] for row in csv.DictReader(file)]
    (folder / "samples.txt").write_text("\n".join(random.Random(SEED).sample(lines, SAMPLES)), "utf-8")
    config = {"model": str(source), "precision": "int8", "texts": str(folder / "samples.txt")}
    (folder / "int8.json").write_text(json.dumps(config), "utf-8")
    script = HERE.parent / "quantize.py"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([sys.executable, script, "--config", folder / "int8.json", "--out", out], stdout=subprocess.DEVNULL, check=True)
    return out


def repeat(path):
    """Write a text set beside one, of as many lines, of which REPEATED stand in it before."""
    lines = texts.read(path)
    draw = random.Random(SEED)
    some = lines[: round((1 - REPEATED) * len(lines))]
    some += draw.choices(some, k=len(lines) - len(some))
    draw.shuffle(some)
    part = path.with_suffix(".repeated.jsonl")
    texts.write(part, some)
    return part


def make_sets(model, items, folder):
    """Write the text sets; return {name: (path, texts, tokens after truncation)}."""
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    sentences = (ROOT / "testdata" / "wiki" / "wiki_sentences.txt").read_text("utf-8").splitlines()
    lengths = {f"mixed, {MIXED[0]} to {MIXED[1]} tokens": texts.log_uniform(items, *MIXED, SEED)}
    tokens = items * ONE_LENGTH[0]  # as many in each of these sets
    lengths |= {f"one length, {n} tokens": [n] * (tokens // n) for n in ONE_LENGTH}
    sets = {}
    for i, (name, wanted) in enumerate(lengths.items()):
        path = folder / f"texts-{i}.jsonl"
        texts.write(path, texts.make(tokenizer, sentences, wanted, SEED))
        sets[name] = path, len(wanted), sum(wanted)
    return sets


def head(path, items):
    """Write the first items of a text set beside it, for tuning."""
    part = path.with_suffix(".head.jsonl")
    texts.write(part, texts.read(path)[:items])
    return part


def call(command):
    """Run a command that prints one JSON object, and return that."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench: exit status {done.returncode} from: {' '.join(map(str, command))}")
    return json.loads(done.stdout)


class Bench:
    """The contenders on one model and one number of threads. Each returns (seconds, labels) for a text set."""

    def __init__(self, args, model, folder):
        self.binary, self.library, self.threads = args.binary, args.deps / "lib", args.threads
        self.model, self.folder = model, folder

    def labelloop(self, path, precision="fp32"):
        output = self.folder / "labels.jsonl"
        command = [self.binary, "label", "--model", self.model, "--precision", precision, "--task", "text-classification", "--json"]
        command += ["--threads", self.threads, "--max-length", MAX_TOKENS, "--output", output, "--overwrite", path]
        seconds = call(command)["seconds"]
        with open(output, encoding="utf-8") as file:
            return seconds, [json.loads(line)["label"] for line in file]

    def run_alone(self, path):
        """The graph alone on labelloop's own batches, with no labels to compare."""
        command = [self.binary, "bench", "--model", self.model, "--precision", "fp32", "--task", "text-classification", "--json"]
        command += ["--threads", self.threads, "--max-length", MAX_TOKENS, "--rounds", 1, path]
        result = call(command)
        return result["items"] / result["run_alone"], None

    def python(self, script, path, *flags):
        return self.contend([sys.executable, HERE / script, "--threads", self.threads, *flags], path)

    def hugot(self, setting, path):
        return self.contend([self.folder / "hugot", "-library", self.library, *setting], path)

    def contend(self, command, path):
        output = self.folder / "labels.txt"
        result = call([*command, "--model", self.model, "--texts", path, "--output", output])
        return result["seconds"], output.read_text("utf-8").splitlines()

    def build_hugot(self):
        flags = f"-L{self.library} {os.environ.get('CGO_LDFLAGS', '')}"
        command = ["go", "build", "-tags", "ORT", "-o", self.folder / "hugot", "."]
        subprocess.run(command, cwd=HERE / "hugot", env={**os.environ, "CGO_LDFLAGS": flags}, check=True)

    def tune_hugot(self, path, ordering):
        """Return hugot's fastest setting on a part of the texts."""
        layouts = [
            [f"-workers={self.threads}", "-threads=1"],
            [f"-workers={self.threads}", "-threads=1", "-arena=false"],
            ["-workers=1", f"-threads={self.threads}"],
        ]
        settings = [tuple(layout + [f"-batch={b}"] + ordering) for layout in layouts for b in HUGOT_BATCHES]
        return tune("hugot", settings, lambda setting: self.hugot(setting, path)[0])

    def openvino(self, setting, path):
        return self.python("python_openvino.py", path, *setting)

    def tune_openvino(self, path, precision):
        """Return OpenVINO's fastest setting on a part of the texts."""
        settings = [(f"--precision={precision}", f"--batch={b}") for b in OPENVINO_BATCHES]
        return tune("OpenVINO", settings, lambda setting: self.openvino(setting, path)[0])


def tune(name, settings, measured):
    """Return the setting of fewest seconds. The best are tried once more."""
    seconds = {}

    def attempt(setting):
        seconds[setting] = min(seconds.get(setting, float("inf")), measured(setting))
        print(f"    {name} {' '.join(setting)}: {seconds[setting]:.2f} s", file=sys.stderr)

    for setting in settings:
        attempt(setting)
    for setting in sorted(settings, key=seconds.get)[:FINALISTS]:
        attempt(setting)
    return min(settings, key=seconds.get)


def measure(contenders, path, rounds):
    """Return {name: [seconds of each round]} and {name: labels}. Each round begins with another contender."""
    seconds, labels = {name: [] for name in contenders}, {}
    for r in range(rounds):
        names = list(contenders)
        for name in names[r % len(names) :] + names[: r % len(names)]:
            took, labels[name] = contenders[name](path)
            seconds[name].append(took)
            print(f"    round {r + 1}: {name}: {took:.2f} s", file=sys.stderr)
    return seconds, labels


def agreement(labels, reference):
    return sum(a == b for a, b in zip(labels, reference, strict=True)) / len(reference)


def table(seconds, labels, items, tokens):
    """Return the Markdown table of one text set, and complaints about labels that differ."""
    ours, reference = seconds["labelloop"], labels["transformers pipeline"]
    rows = ["| | texts/s | tokens/s | labelloop / this | same labels |", "|---|---|---|---|---|"]
    complaints = []
    for name, took in seconds.items():
        median = statistics.median(took)
        ratios = sorted(other / own for other, own in zip(took, ours))
        ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})" if name != "labelloop" else ""
        same = ""
        if labels[name] is not None:
            share = agreement(labels[name], reference)
            same = f"{100 * share:.2f} %"
            if share < AGREEMENT and not any(kind in name for kind in ROUNDED):
                complaints.append(f"{name}: only {same} of the labels are those of the transformers pipeline")
        rows.append(f"| {name} | {items / median:.1f} | {tokens / median:.0f} | {ratio} | {same} |")
    return "\n".join(rows) + "\n", complaints


def limits(bench, path, items, args):
    """Return a table of what the machine can do at most, and of what is the same again."""
    again = repeat(path)
    ratios, peaks = [], []
    for _ in range(args.rounds):
        first, second = bench.labelloop(path)[0], bench.labelloop(again)[0]
        ratios.append(first / second)
        peaks.append(call([sys.executable, HERE / "gemm.py", "--threads", args.threads]))
    rows = f"\n### Limits\n\n| | |\n|---|---|\n| {items:,} texts, mixed, of which {100 * REPEATED:.0f} % repeat others / without | "
    rows += f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) times as fast |\n"
    for kind in peaks[0]:
        rates = [peak[kind] for peak in peaks]
        rows += f"| matrix products by oneDNN, {kind} | {statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) GFLOP/s |\n"
    return rows


def machine():
    """Describe the processor and the versions of what was run."""
    info = Path("/proc/cpuinfo").read_text()
    cpu = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown")
    flags = next((line.split() for line in info.splitlines() if line.startswith("flags")), [])
    simd = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    packages = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "transformers", "torch", "tokenizers", "openvino"))
    module = next(
        line.split() for line in (HERE / "hugot" / "go.mod").read_text().splitlines() if "hugot v" in line
    )
    return f"{cpu} ({', '.join(simd)}), {platform.system()}; {packages}, hugot {module[-1]}"


def replace_section(path, section, begin=BEGIN, end=END):
    """Put section between the markers in a document."""
    before, rest = path.read_text("utf-8").split(begin)
    _, after = rest.split(end)
    path.write_text(before + begin + section + end + after, "utf-8")


def summary(section):
    """Return the README's table: how many times as fast as others labelloop is, for each text set of a section."""
    sets = re.findall(r"### [\d,]+ texts, (?:one length, )?(.*?) tokens\n(.*?)(?=\n###|\Z)", section, re.DOTALL)
    rows = [f"| tokens of a text | {' | '.join(name.removeprefix('mixed, ') for name, _ in sets)} |", "|---" * (1 + len(sets)) + "|"]
    for name, begin in BESIDE.items():
        ratios = [re.search(rf"^\| {re.escape(begin)}.*?\| .*?\| .*?\| ([\d.]+) \(", rows, re.MULTILINE) for _, rows in sets]
        rows.append(f"| {name} | {' | '.join(ratio[1] for ratio in ratios)} |")
    return "\n".join(rows) + "\n"


def arguments(description, items, what):
    """Parse the flags of a benchmark, and keep this process and its children on as many cores as it has threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--deps", type=Path, default=ROOT / ".deps", help="folder that make deps fills")
    parser.add_argument("--binary", type=Path, default=ROOT / "bin" / "labelloop")
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=items, help=what)
    args = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    args.deps = args.deps.resolve()
    return args


def main():
    args = arguments(__doc__.splitlines()[0], 2000, "texts of the mixed set")
    folder = args.deps / "bench"
    model = folder / "minilm-clinc150"
    folder.mkdir(parents=True, exist_ok=True)
    prepare_model(quantize(args.deps / "models" / "minilm-clinc150", folder), model)
    bench = Bench(args, model, folder)
    bench.build_hugot()

    section = f"{args.threads} threads, {args.rounds} rounds, medians. {machine()}.\n"
    precisions = ["f32"] + ["bf16"] * ("bf16" in section)
    complaints = []
    sets = make_sets(model, args.items, folder)
    for name, (path, items, tokens) in sets.items():
        print(f"{name}\n  tuning", file=sys.stderr)
        orderings = {"in the order given": []}
        if name.startswith("mixed"):
            orderings["sorted by its user"] = ["-sorted"]
        part = head(path, TUNING_ITEMS)
        contenders = {
            "labelloop": bench.labelloop,
            "labelloop, int8": lambda p: bench.labelloop(p, "int8"),
            "the graph alone, on labelloop's batches": bench.run_alone,
            "onnxruntime (Python), sorted, batches of 32": lambda p: bench.python("python_ort.py", p),
        }
        for order, flags in orderings.items():
            best = bench.tune_hugot(part, flags)
            shown = " ".join(word.lstrip("-") for word in best if word != "-sorted")
            contenders[f"hugot, {order}, {shown}"] = lambda p, best=best: bench.hugot(best, p)
        for precision in precisions:
            best = bench.tune_openvino(part, precision)
            shown = best[-1].lstrip("-")
            contenders[f"OpenVINO (Python), {precision}, sorted, {shown}"] = lambda p, best=best: bench.openvino(best, p)
        contenders["transformers pipeline"] = lambda p: bench.python("transformers_pipeline.py", p)
        print("  measuring", file=sys.stderr)
        rows, differences = table(*measure(contenders, path, args.rounds), items, tokens)
        print(f"{name}\n{rows}", file=sys.stderr)
        section += f"\n### {items:,} texts, {name}\n\n{rows}"
        complaints += [f"{name}: {line}" for line in differences]
    path, items, _ = next(iter(sets.values()))
    section += limits(bench, path, items, args)
    replace_section(args.document, section)
    replace_section(ROOT / "README.md", summary(section), *SUMMARY)
    if complaints:
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
