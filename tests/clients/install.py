"""Installs the packages that are locked in js/, before the tests run.

`npm ci` would refuse: Qwen Code names optional packages that were never published. `npm install` takes the same
versions with the same hashes from the lock, and leaves out what there is not.
"""

from pathlib import Path

import node_sdk

FLAGS = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")

if __name__ == "__main__":
    node_sdk.npm(Path(__file__).parent / "js", "install", *FLAGS)
