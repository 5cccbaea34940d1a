"""Refuses calls without a credential, and those that go in circles, before anything of them is read."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc.aio import ServerInterceptor

from qwen_grpc.calls import CREDENTIAL_KEYS, OURS, Context
from qwen_grpc.credentials import missing
from qwen_grpc.errors import QwenError
from qwen_grpc.hops import VIA, Hops
from qwen_grpc.interceptors.around import Continuation, Handler

# Models are public; the token services may be given the credential in the request.
OPEN = (f"{OURS}ModelsService/", f"{OURS}TokensService/")


class Admission(ServerInterceptor):
    """Answers a refused call by a handler that streams its request, whatever the call's shape.

    While `is_public` says so, there is an upstream that serves anybody, and
    the services themselves refuse what needs a credential.

    The usual unary handler would make the server receive the whole request
    first: for a refused upload of 60 MiB that is 60 MiB of memory.
    """

    def __init__(self, hops: Hops, is_public: Callable[[], bool] = lambda: False) -> None:
        self._hops = hops
        self._is_public = is_public

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Passes the call on, or refuses it unread."""
        method, metadata = handler_call_details.method, handler_call_details.invocation_metadata or ()
        if not method.startswith(OURS):
            return await continuation(handler_call_details)
        for key, value in metadata:
            if key == VIA and (loop := self._hops.loop(value)):
                return _refusing(loop)
        if method.startswith(OPEN):
            return await continuation(handler_call_details)
        if any(key in CREDENTIAL_KEYS and value for key, value in metadata) or self._is_public():
            return await continuation(handler_call_details)
        return _refusing(missing())


def _refusing(error: QwenError) -> Handler:
    async def refuse(request: Any, context: Context) -> AsyncIterator[Any]:
        raise error
        yield  # makes this the generator that a streaming handler has to be

    return grpc.stream_stream_rpc_method_handler(refuse)
