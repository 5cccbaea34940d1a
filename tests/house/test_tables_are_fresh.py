"""The tables of README and docs say what the code says."""

import subprocess
import sys

from source_tree import ROOT


def test_every_table_is_as_the_code_makes_it() -> None:
    command = [sys.executable, "scripts/tables.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
