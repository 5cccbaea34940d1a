"""The programs in C that ask and answer, built anew when a source has changed."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES, BUILD = HERE / "c", HERE / "build"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")


def compiler() -> str | None:
    """The C compiler of this machine, if there is one."""
    return shutil.which("cc")


def program(name: str) -> Path:
    """The program of `c/NAME.c`. Raises `RuntimeError` where there is no compiler."""
    cc = compiler()
    if cc is None:
        raise RuntimeError("the benchmark needs a C compiler called cc, and there is none: install one (Debian: gcc)")
    told = b"".join(file.read_bytes() for file in sorted(SOURCES.iterdir()))
    built = BUILD / f"{name}-{hashlib.sha256(told).hexdigest()[:12]}"
    if not built.exists():
        BUILD.mkdir(exist_ok=True)
        making = built.with_suffix(f".{os.getpid()}")
        subprocess.run((cc, *FLAGS, str(SOURCES / f"{name}.c"), "-o", str(making)), check=True)
        making.rename(built)
    return built
