"""The programs in C that ask and answer, built when their sources have changed."""

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
    cc, built = compiler(), BUILD / name
    if cc is None:
        raise RuntimeError("the benchmark needs a C compiler called cc, and there is none: install one (Debian: gcc)")
    if not built.exists() or built.stat().st_mtime < max(file.stat().st_mtime for file in SOURCES.iterdir()):
        BUILD.mkdir(exist_ok=True)
        subprocess.run((cc, *FLAGS, str(SOURCES / f"{name}.c"), "-o", str(built)), check=True)
    return built
