"""Runs a main coroutine until a signal, and says what happens on standard error."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import uvloop

from qwen_grpc.settings import BadSettings


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs on uvloop; bad settings end with one line each and exit code 2."""
    try:
        uvloop.run(main)
    except BadSettings as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Ends the command with a message."""
    say(message)
    raise SystemExit(2)


def say(line: str) -> None:
    """A line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)


class Stop:
    """SIGTERM and SIGINT: the first asks to end, the second to end now."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._urged = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        (self._urged if self._asked.is_set() else self._asked).set()

    async def asked(self) -> None:
        """Waits for the first signal."""
        await self._asked.wait()

    async def unless_urged(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does the work, or drops it at the second signal."""
        task, urged = asyncio.ensure_future(work), asyncio.ensure_future(self._urged.wait())
        await asyncio.wait({task, urged}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (task, urged):
            waiting.cancel()
        await asyncio.gather(task, urged, return_exceptions=True)


def settle_memory() -> None:
    """Takes what was loaded at the start out of the garbage collector's rounds, and makes those rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
