"""SIGTERM and SIGINT, for every command that serves."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

# Waits some seconds, or until there is no more time to wait; says whether that is so.
Pause: TypeAlias = Callable[[float], Awaitable[bool]]


class Stop:
    """The first signal asks to end, the second to end now. A signal that whoever started us ignores stays ignored."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._urged = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        (self._urged if self._asked.is_set() else self._asked).set()

    async def asked(self) -> None:
        """Waits for the first signal."""
        await self._asked.wait()

    async def pause(self, seconds: float) -> bool:
        """Waits so long, or until the second signal; whether that has come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._urged.wait(), seconds)
        return self._urged.is_set()

    async def unless_urged(self, work: Awaitable[None], hurry: Callable[[], Awaitable[None]]) -> None:
        """Does the work; at the second signal does what makes it hurry, too."""
        task, urged = asyncio.ensure_future(work), asyncio.ensure_future(self._urged.wait())
        try:
            await asyncio.wait({task, urged}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await hurry()
            await task
        finally:
            urged.cancel()


def ignore_from_now_on() -> None:
    """What comes after everything has ended comes too late to change the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
