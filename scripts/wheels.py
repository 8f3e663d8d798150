"""Wheels by pinned SHA-256, and the small tools of deps.py around them. Standard library alone."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# What the pinned wheels are built for, so that every Python downloads the same files.
TARGET = ["--python-version=3.11", "--implementation=cp", "--abi=cp311"]
TARGET += [f"--platform={tag}_x86_64" for tag in ("manylinux_2_28", "manylinux_2_27", "manylinux2014")]


class SetupError(Exception):
    """What is wrong and what to do about it."""


def run(command, cwd=ROOT, env=None, tries=1):
    """Run a command, its output on stderr. tries: a download may break off."""
    for attempt in range(1, tries + 1):
        code = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=sys.stderr).returncode
        if code == 0:
            return
        if attempt < tries:
            print(f"deps: {' '.join(command[:4])} ended with exit code {code}; trying again", file=sys.stderr)
            time.sleep(2 * attempt)
    raise SetupError(f"{' '.join(command)} ended with exit code {code}: see its output above; a repeated make goes on from here")


def publish(source, target):
    """Copy a file to its place in one stroke."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    shutil.copyfile(source, temporary)
    temporary.replace(target)


def pip(*args, tries=1):
    version = subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if version.returncode != 0:
        raise SetupError(f"{sys.executable} has no pip: install it (Debian: python3-pip)")
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    run([sys.executable, "-m", "pip", *args], env=quiet, tries=tries)


class Pin(NamedTuple):
    name: str
    version: str
    sha256: str


class Wheels:
    """The wheels that a lock file of pip requirements names, kept in a folder."""

    def __init__(self, lock, folder):
        found = re.findall(r"^(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})$", lock.read_text(), re.MULTILINE)
        self.pins = {name: Pin(name, version, sha256) for name, version, sha256 in found}
        self.folder = folder

    def get(self, name):
        """Return the wheel, downloaded if no file of the right digest is there."""
        pin = self.pins[name]
        return self.find(pin) or self.download(pin)

    def find(self, pin, folder=None):
        for path in (folder or self.folder).glob(f"{pin.name.replace('-', '_')}-{pin.version}-*.whl"):
            if sha256(path) == pin.sha256:
                return Wheel(path)
        return None

    def download(self, pin):
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=self.folder) as scratch:
            requirement = Path(scratch) / "requirement.txt"
            requirement.write_text(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n")
            fetch = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes", *TARGET, "--progress-bar=off"]
            pip(*fetch, "--dest", scratch, "-r", str(requirement), tries=3)
            wheel = self.find(pin, Path(scratch))
            if not wheel:
                raise SetupError(f"the downloaded {pin.name} {pin.version} has not the SHA-256 {pin.sha256} of scripts/deps.lock")
            kept = self.folder / wheel.path.name
            wheel.path.replace(kept)
        return Wheel(kept)


class Wheel:
    def __init__(self, path):
        self.path = path

    def member(self, pattern):
        """The one file of the wheel whose path matches a pattern."""
        found = self.members(pattern)
        if len(found) != 1:
            raise SetupError(f"{self.path.name} holds {len(found)} files like {pattern}: adapt scripts/deps.py")
        return found[0]

    def members(self, pattern):
        """The files of the wheel whose paths match a pattern."""
        with zipfile.ZipFile(self.path) as archive:
            return [name for name in archive.namelist() if re.fullmatch(pattern, name)]

    def extract(self, member, target):
        """Put one file of the wheel into its place."""
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(target.name + ".tmp")
        with zipfile.ZipFile(self.path) as archive, archive.open(member) as source, open(temporary, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        temporary.replace(target)

    def extract_folder(self, folder, target):
        """Unpack what lies below a folder of the wheel."""
        with zipfile.ZipFile(self.path) as archive, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(folder + "/")])
            (Path(scratch) / folder).rename(target)


def sha256(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def install(requirements, folder):
    """Install locked requirements into folder/python, from folder/wheels; returns its path."""
    target, wheels, temporary = folder / "python", folder / "wheels", folder / "python.tmp"
    locked = ["--require-hashes", "--only-binary=:all:", "-r", str(requirements)]
    local = ["--no-index", "--find-links", str(wheels)]
    with tempfile.TemporaryDirectory(prefix=".have-", dir=wheels) as scratch:
        have = [sys.executable, "-m", "pip", "download", "-q", *locked, *local, "--dest", scratch]
        missing = subprocess.run(have, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0
    if missing:
        pip("download", *locked, "--progress-bar=off", "--dest", str(wheels), tries=3)
    shutil.rmtree(temporary, ignore_errors=True)
    pip("install", *locked, *local, "--target", str(temporary))
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    return target
