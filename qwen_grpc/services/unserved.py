"""Services of the contract that this version does not serve yet."""

from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from qwen_grpc.calls import Context
from qwen_grpc.errors import Unsupported


class Unserved:
    """A servicer whose every method fails with `Unsupported`."""

    def __init__(self, service: ServiceDescriptor) -> None:
        for method in service.methods:
            setattr(self, method.name, _stream(method) if method.server_streaming else _unary(method))


def _unary(method: MethodDescriptor) -> Callable[[Any, Context], Any]:
    async def refuse(request: Any, context: Context) -> NoReturn:
        raise _refusal(method)

    return refuse


def _stream(method: MethodDescriptor) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def refuse(request: Any, context: Context) -> AsyncIterator[Any]:
        raise _refusal(method)
        yield  # makes this the generator that a streaming handler has to be

    return refuse


def _refusal(method: MethodDescriptor) -> Unsupported:
    return Unsupported(f"{method.full_name} is part of the contract and not served by this version")
