"""The limit of open files at the start."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from qwen_grpc.cli.descriptors import make_room
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
print(make_room(1000))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limited_to(hard: int) -> list[str]:
    """What is said, and the limit afterwards, in a process of its own: a limit that was lowered stays so."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(hard)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_soft_limit_is_raised_to_what_is_needed() -> None:
    assert limited_to(5000) == ["", "1128"]


def test_a_hard_limit_that_is_too_low_is_told_with_what_would_be_needed() -> None:
    said, found = limited_to(512)
    assert found == "512"
    assert said.startswith("warning: 512 files may be open at once, and 1128 may be needed")


@pytest.mark.parametrize("hard", [1128, 1129])
def test_a_limit_that_is_just_enough_is_not_told(hard: int) -> None:
    assert limited_to(hard)[0] == ""
