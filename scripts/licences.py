"""Collects the licence texts of what is compiled into labelloop. Standard library alone."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from wheels import ROOT, SetupError

NOTICE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense|authors)", re.IGNORECASE)
APACHE = ROOT / "LICENSE"


def notices(folder):
    """The licence files of a source folder, those of other people's sources that it brings along included."""
    found = (path for path in folder.rglob("*") if NOTICE.match(path.name) and path.suffix not in (".go", ".rs"))
    return sorted(path for path in found if path.is_file())


def copy_notices(folder, target):
    for path in notices(folder):
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def lines(command, env=None, cwd=ROOT):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)} ended with exit code {done.returncode}: see its output above")
    return done.stdout.splitlines()


def collect_crates(source, package, env, target):
    """Write the licences of the crates that end up in a static library, and of Rust's own, below target."""
    temporary = target.with_name(target.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    edges = ["--edges", "normal,no-proc-macro", "--target", "x86_64-unknown-linux-gnu"]
    tree = ["cargo", "tree", "--locked", "--offline", "--package", package, *edges, "--prefix", "none", "--format", "{p}"]
    for crate in sorted(set(line.replace(" (*)", "") for line in lines(tree, cwd=source, env=env))):
        name, version, *where = crate.split()
        if where:  # the package itself, or a path in its workspace
            continue
        (folder,) = Path(env["CARGO_HOME"]).glob(f"registry/src/*/{name}-{version[1:]}")
        copy_notices(folder, temporary / folder.name)
        if not notices(folder):
            (temporary / folder.name).mkdir(parents=True)
            (temporary / folder.name / "LICENSE").write_text(standard_text((folder / "Cargo.toml").read_text(), folder.name))
    copy_notices(source, temporary / package)
    collect_standard_library(temporary / "std", env)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)


def standard_text(manifest, crate):
    """The licence of a crate that names one without bringing its text."""
    licence = re.search(r'^license = "(.*)"', manifest, re.MULTILINE)
    authors = re.search(r"^authors = \[(.*?)\]", manifest, re.MULTILINE | re.DOTALL)
    if not licence or "MIT" not in licence[1]:
        raise SetupError(f"crate {crate} brings no licence text, and its manifest does not name MIT: look into it")
    holders = ", ".join(re.findall(r'"(.*?)"', authors[1])) if authors else f"the authors of {crate}"
    return MIT.format(holders=holders)


def collect_standard_library(target, env):
    (sysroot,) = lines(["rustc", "--print", "sysroot"], env=env)
    candidates = [Path(sysroot) / "share/doc/rust/COPYRIGHT-library.html", Path("/usr/share/doc/libstd-rust-dev/copyright")]
    target.mkdir(parents=True)
    for path in candidates:
        if path.is_file():
            shutil.copyfile(path, target / path.name)
            return
    # A toolchain without its documentation: of the two licences offered, the one whose text is at hand.
    shutil.copyfile(APACHE, target / "LICENSE-APACHE")


def collect_go(package, target):
    """Write the licences of the Go modules compiled into a program, and of Go's own, below target."""
    field = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
    for module in sorted(set(filter(None, lines(["go", "list", "-deps", "-f", field, package])))):
        path, version, folder = module.split("\t")
        if not notices(Path(folder)):
            raise SetupError(f"Go module {path} {version} brings no licence text: look into it")
        copy_notices(Path(folder), target / f"{path}@{version}")
    (goroot,) = lines(["go", "env", "GOROOT"])
    (target / "std").mkdir()
    shutil.copyfile(Path(goroot) / "LICENSE", target / "std" / "LICENSE")


MIT = """\
MIT License

Copyright (c) {holders}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
