"""Behaves as train.py does, as the configuration's first label says, with the standard library alone."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--config", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
args = parser.parse_args()
config = json.loads(args.config.read_text("utf-8"))
behaviour = config["labels"][0]
checkpoint = args.out / "checkpoint"
stopped = False


def stop(*_):
    global stopped
    stopped = True


def log(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


signal.signal(signal.SIGTERM, stop)
if behaviour == "bad config":
    log("error", kind="config", message="train.jsonl:7: 'x' is none of the labels")
    sys.exit(2)
if behaviour == "crash":
    sys.stderr.write("noise\n" * 100_000 + "RuntimeError: no space left\n")
    sys.exit(1)
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (args.out / "child").write_text(str(child.pid))
if behaviour == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
begin = int(checkpoint.read_text()) if checkpoint.exists() else 0
if begin:
    log("resumed", step=begin, steps=50)
print("a library's own words: " + "x" * (3 << 20))
for step in range(begin + 1, 51):
    log("step", phase="train", step=step, steps=50, loss=1 / step, eta=50 - step)
    checkpoint.write_text(str(step))
    if behaviour != "quick":
        time.sleep(0.05)
    if stopped:
        log("interrupted", message="the same command goes on from here")
        sys.exit(130)
(args.out / "metrics.json").write_text(json.dumps({"method": config["method"], "train_items": 9, "validation": {"accuracy": 0.5}}))
log("done")
