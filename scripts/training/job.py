"""What the scripts have in common with whoever runs them: a configuration, a folder, lines of JSON, exit codes."""

import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import signal
import sys
import time
import types
import typing
from pathlib import Path

from training import offline  # a job loads its libraries after this module

DONE, FAILED, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 130
METRICS = "metrics.json"  # written last: a folder that has it is finished
MAX_CONFIG = 64 << 20  # bytes


class ConfigError(Exception):
    """What is wrong with the configuration or the data that it names, where, and what to do about it."""


class Interrupted(Exception):
    """Somebody asked the job to stop; what it needs to go on has been written."""


def lock(folder):
    """Keep others out of a folder until this process ends; one that is about to end is waited for."""
    file = open(folder / "lock", "w")
    for _ in range(60):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(0.5)
    raise OSError("another process trains in this folder")


class Log:
    """Lines of JSON: to log.jsonl in the folder, and to stdout."""

    def __init__(self, folder):
        self.file = open(folder / "log.jsonl", "a", encoding="utf-8")
        self.told, self.began = {}, {}

    def __call__(self, event, **values):
        line = json.dumps({"event": event, **values}, ensure_ascii=False)
        for out in (self.file, sys.stdout):
            out.write(line + "\n")
            out.flush()

    def step(self, phase, step, steps, **values):
        """Log a step, once a second at most; eta is in seconds, from the pace since the phase began here."""
        now = time.monotonic()
        first, at = self.began.setdefault(phase, (step - 1, now))
        if step < steps and now - self.told.get(phase, 0) < 1:
            return
        self.told[phase] = now
        eta = round((now - at) / (step - first) * (steps - step), 1)
        self("step", phase=phase, step=step, steps=steps, eta=eta, **values)


class Stop:
    """Notes the signals that ask a job to stop, for it to look at when it can."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.ask)

    def ask(self, *_):
        self.asked = True

    def check(self):
        if self.asked:
            raise Interrupted


def read_config(path, schema):
    """Read a JSON object into a dataclass. Keys that it has not, and values of another type, are errors."""
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise ConfigError(f"{path}: over {MAX_CONFIG >> 20} MB is no configuration")
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"read {path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: want a JSON object")
    fields = {field.name: field for field in dataclasses.fields(schema)}
    hints = typing.get_type_hints(schema)
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(f"{path}: {name!r} is not known; there are {', '.join(fields)}")
        if not is_a(value, hints[name]):
            raise ConfigError(f"{path}: {name} is {value!r}, want {describe(hints[name])}")
    missing = [n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING and n not in values]
    if missing:
        raise ConfigError(f"{path}: {', '.join(missing)} missing")
    config = schema(**values)
    for name, kind in hints.items():
        if kind in (Path, Path | None) and getattr(config, name) is not None:
            setattr(config, name, path.resolve().parent / getattr(config, name))
    try:
        config.check()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def is_a(value, kind):
    if isinstance(kind, types.UnionType):
        return any(is_a(value, part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        return isinstance(value, list) and all(is_a(v, typing.get_args(kind)[0]) for v in value)
    if kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if kind is Path else kind)


def describe(kind):
    if isinstance(kind, types.UnionType):
        return " or ".join(describe(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        return f"a list, each of it {describe(typing.get_args(kind)[0])}"
    return {float: "a number", int: "a whole number", bool: "true or false", str: "a text", Path: "a path", type(None): "null"}[kind]


def write_atomic(path, data):
    """Put bytes in place in one stroke, durably: after any accident there is the file before, or this one."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json(path, value):
    write_atomic(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def digest(*parts):
    """SHA-256 over texts and the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def main(description, schema, work):
    """Run work(config, folder, log, stop), which gives the metrics, and end with the exit code that says how it went."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="JSON file; docs/training.md lists its keys")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model; what is in it of the same job is resumed")
    args = parser.parse_args()
    stop = Stop()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        held = lock(args.out)
        log = Log(args.out)
    except OSError as error:
        print(f"{args.out}: {error}", file=sys.stderr)
        sys.exit(BAD_CONFIG)
    try:
        metrics = run(schema, work, args, log, stop)
    except ConfigError as error:
        log("error", kind="config", message=str(error))
        sys.exit(BAD_CONFIG)
    except Interrupted:
        log("interrupted", message="the same command goes on from here")
        sys.exit(INTERRUPTED)
    except Exception as error:
        log("error", kind="failed", message=f"{type(error).__name__}: {error}")
        raise
    log("done", metrics=metrics)
    held.close()
    sys.exit(DONE)


def run(schema, work, args, log, stop):
    config = read_config(args.config, schema)
    finished = args.out / METRICS
    try:
        identity = digest(repr(config), *config.inputs())
    except OSError as error:
        raise ConfigError(str(error)) from error
    marker = args.out / "job.sha256"
    if marker.exists() and marker.read_text() != identity:
        raise ConfigError(f"{args.out} holds another job (other settings or data): give an empty folder, or remove it")
    if finished.exists():
        return json.loads(finished.read_text("utf-8"))
    write_atomic(marker, identity.encode())
    metrics = work(config, args.out, log, stop)
    write_json(finished, metrics)
    return metrics
