"""The commands of the contenders, and what they give."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from runs import call, tune

HERE = Path(__file__).resolve().parent
HUGOT_BATCHES = (4, 8, 16, 32)
OPENVINO_BATCHES = (1, 4, 8, 16)
BF16 = any(name in Path("/proc/cpuinfo").read_text() for name in ("avx512_bf16", "amx_bf16"))  # the processor multiplies in it
PRECISIONS = ["fp32", "int8"] + ["bf16"] * BF16  # that labelloop runs


class Programs:
    """Runs contenders on a model directory and the items of a set, all on as many threads."""

    def __init__(self, binary, deps, folder, threads):
        self.binary, self.deps, self.folder, self.threads = binary, deps, folder, threads

    def labelloop(self, model, items, task, *flags, precision="fp32"):
        """items is a file or a folder."""
        output = self.folder / "labels.jsonl"
        command = [self.binary, "label", "--model", model, "--task", task, "--precision", precision, "--threads", self.threads]
        run = call([*command, *flags, "--json", "--output", output, "--overwrite", items])
        with open(output, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        run.output = np.array([r["embedding"] for r in records]) if "embedding" in records[0] else [r["label"] for r in records]
        return run

    def stages(self, model, items, *flags):
        """Items a second of labelloop's encoding, and of the graph alone on its batches, with nothing else going on."""
        command = [self.binary, "bench", "--model", model, "--precision", "fp32", "--threads", self.threads, "--json", "--rounds", 1]
        return call([*command, *flags, items])

    def alone(self, model, items, *flags):
        run = self.stages(model, items, *flags)
        run.seconds = run.printed["items"] / run.printed["run_alone"]
        return run

    def python(self, script, model, items, *flags):
        return self.contend([sys.executable, "-W", "ignore", HERE / script, "--threads", self.threads, *flags], model, items)

    def hugot(self, model, items, *flags):
        return self.contend([self.folder / "hugot", "-library", self.deps / "lib", *flags], model, items)

    def contend(self, command, model, items):
        output = self.folder / "output"
        output.unlink(missing_ok=True)
        run = call([*command, "--model", model, "--items", items, "--output", output])
        if output.exists():
            data = output.read_bytes()
            run.output = np.load(output) if data.startswith(b"\x93NUMPY") else data.decode("utf-8").splitlines()
        return run

    def build_hugot(self):
        flags = f"-L{self.deps / 'lib'} {os.environ.get('CGO_LDFLAGS', '')}"
        command = ["go", "build", "-tags", "ORT", "-o", self.folder / "hugot", "."]
        subprocess.run(command, cwd=HERE / "hugot", env={**os.environ, "CGO_LDFLAGS": flags}, check=True)

    def tune_hugot(self, model, part, *flags):
        """Return hugot's fastest setting on a part of the texts: first how it uses the cores, then its batch size."""

        def run(setting):
            return self.hugot(model, part, *setting, *flags)

        layouts = [
            ("-batch=16", f"-workers={self.threads}", "-threads=1"),
            ("-batch=16", f"-workers={self.threads}", "-threads=1", "-arena=false"),
            ("-batch=16", "-workers=1", f"-threads={self.threads}"),
        ]
        _, *layout = tune("hugot", layouts, run)
        return tune("hugot", [(f"-batch={b}", *layout) for b in HUGOT_BATCHES], run)

    def tune_openvino(self, model, part):
        """Return OpenVINO's fastest setting in f32 on a part of the texts."""
        settings = [(f"--batch={b}",) for b in OPENVINO_BATCHES]
        return tune("OpenVINO", settings, lambda setting: self.python("python_openvino.py", model, part, "--precision=f32", *setting))
