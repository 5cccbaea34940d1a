"""Where servers are: names looked up without holding the loop, and without holding each other up."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any

# As `socket.getaddrinfo` gives them.
Address = tuple[Any, ...]


class Names:
    """Looks each name up once at a time, whoever asks for it meanwhile.

    Looking up takes a thread until the name server answers, and there are few
    threads: a slow one holds one of them, and not one for each call.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of a host. Raises `OSError` or `UnicodeError` when it has none."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        if _is_literal(host):
            return look_up(flags=socket.AI_NUMERICHOST)
        at = host, port
        if at not in self._asked:
            asked = self._asked[at] = asyncio.get_running_loop().run_in_executor(None, look_up)
            asked.add_done_callback(partial(self._told, at))
        return await asyncio.shield(self._asked[at])

    def _told(self, at: tuple[str, int], asked: asyncio.Future[Sequence[Address]]) -> None:
        del self._asked[at]
        if not asked.cancelled():
            # Whoever waited may have left; the failure has been told to the others.
            asked.exception()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
