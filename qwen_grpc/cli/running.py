"""Runs a main coroutine until a signal, and says what happens on standard error."""

import gc
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from qwen_grpc.settings import BadSettings
from rest_shim.stopping import ignore_from_now_on


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs on uvloop; bad settings end with one line each and exit code 2."""
    try:
        uvloop.run(main)
    except BadSettings as error:
        fail(str(error))
    finally:
        ignore_from_now_on()


def fail(message: str) -> NoReturn:
    """Ends the command with a message."""
    say(message)
    raise SystemExit(2)


def say(line: str) -> None:
    """A line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)


def settle_memory() -> None:
    """Takes what was loaded at the start out of the garbage collector's rounds, and makes those rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
