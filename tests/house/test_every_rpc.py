"""An RPC of the contract cannot be forgotten anywhere."""

import inspect
import re
from importlib import import_module
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from source_tree import ROOT
from support import House, bearer

from qwen_grpc.server import SERVED
from qwen_grpc.v1.admin_pb2 import GetPoolRequest
from qwen_grpc.v1.admin_pb2_grpc import AdminServiceStub
from rest_shim.routes import ROUTES
from rest_shim.stubs import stubs_on

# RPCs that are served and have no REST route, with the reason.
WITHOUT_ROUTE: dict[str, str] = {
    "VideosService.CancelVideo": "OpenAI's API has no such call, and chat.qwen.ai cannot stop a clip",
}

MODULES = [import_module(f"qwen_grpc.v1.{path.stem}") for path in sorted((ROOT / "qwen_grpc/v1").glob("*_pb2.py"))]
SERVICES: list[ServiceDescriptor] = [
    service for module in MODULES for service in module.DESCRIPTOR.services_by_name.values()
]
# On a port of its own, for the operator alone.
ADMIN = "qwen.v1.AdminService"
PUBLIC = [service for service in SERVICES if service.full_name != ADMIN]
METHODS = [method for service in SERVICES for method in service.methods]


def short(described: Any) -> str:
    return str(described.full_name.removeprefix("qwen.v1."))


def test_every_service_is_served() -> None:
    named = sorted(SERVED)
    assert sorted(service.full_name for service in PUBLIC) == named, "put the service into SERVED and Services"


@pytest.mark.parametrize("method", METHODS, ids=short)
def test_a_served_rpc_has_a_method_of_its_shape(method: MethodDescriptor) -> None:
    serve = vars(servicer(method.containing_service)).get(method.name)
    # A stream is yielded, or written to the context: then nothing is returned.
    answers = inspect.iscoroutinefunction(serve) and inspect.signature(serve).return_annotation is not None
    writes = inspect.iscoroutinefunction(serve) and not answers
    is_stream = inspect.isasyncgenfunction(serve) or writes
    assert (method.server_streaming, not method.server_streaming) == (is_stream, answers), (
        f"write `async def {method.name}` in the servicer, {'with' if method.server_streaming else 'without'} `yield`"
    )


def servicer(service: ServiceDescriptor) -> type:
    """Our class for a service: the one of qwen_grpc.services that derives from the generated one."""
    generated = import_module(service.file.name.removesuffix(".proto").replace("/", ".") + "_pb2_grpc")
    ours = [kind for kind in getattr(generated, f"{service.name}Servicer").__subclasses__() if is_ours(kind)]
    assert len(ours) == 1, f"write one class in qwen_grpc/services that derives from {service.name}Servicer"
    return ours[0]


def is_ours(kind: type) -> bool:
    return kind.__module__.startswith("qwen_grpc.services.")


def test_every_served_rpc_has_a_route_or_a_reason() -> None:
    served = {short(method) for method in METHODS if method.containing_service in PUBLIC}
    assert routed() | WITHOUT_ROUTE.keys() == served | {"Health.Check"}, (
        "give each served RPC a line in ROUTES of rest_shim/routes.py, or a reason in WITHOUT_ROUTE"
    )
    assert routed().isdisjoint(WITHOUT_ROUTE), "take what has a route out of WITHOUT_ROUTE"


def routed() -> set[str]:
    """The RPCs that routes name; `Service.One, Two; Other.Three` names two of a service and one of another."""
    found = set()
    for named in (part for route in ROUTES for part in route.rpc.split("; ")):
        service, _, methods = named.partition(".")
        found |= {f"{service}.{name}" for name in methods.split(", ") if name}
    return found


@pytest.mark.asyncio
async def test_the_shim_has_one_stub_for_every_served_service(house: House) -> None:
    stubs = stubs_on(house.channel)
    kinds = sorted(type(getattr(stubs, name)).__name__ for name in stubs.__slots__)
    wanted = sorted([*(f"{service.name}Stub" for service in PUBLIC), "HealthStub"])
    assert wanted == kinds, "add the service's stub to Stubs in rest_shim/stubs.py"


@pytest.mark.asyncio
async def test_the_admin_service_is_not_on_the_public_port(house: House) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await AdminServiceStub(house.channel).GetPool(GetPoolRequest(), metadata=tuple(bearer().items()))
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_health_knows_every_service(house: House) -> None:
    stub = HealthStub(house.channel)
    told = {name: (await stub.Check(HealthCheckRequest(service=name))).status for name in names()}
    serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
    assert {name: serving if name in SERVED else not_serving for name in names()} == told, "set it in Server.start"


@pytest.mark.asyncio
async def test_reflection_lists_every_service(house: House) -> None:
    calls = ServerReflectionStub(house.channel).ServerReflectionInfo(iter([ServerReflectionRequest(list_services="*")]))
    listed = {service.name for service in (await anext(aiter(calls))).list_services_response.service}
    assert set(names()) <= listed, "name the service where server.py enables reflection"
    calls.cancel()


def names() -> list[str]:
    return [service.full_name for service in PUBLIC]


@pytest.mark.parametrize("service", SERVICES, ids=short)
def test_a_service_has_a_row_in_the_docs(service: ServiceDescriptor) -> None:
    text = (ROOT / "docs/grpc.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|") and re.search(rf"\b{service.name}\b", line)]
    unnamed = [method.name for method in service.methods if not re.search(rf"\b{method.name}\b", text)]
    assert rows != [], f"give {service.name} a row in docs/grpc.md"
    assert unnamed == [], f"name {unnamed} of {service.name} in docs/grpc.md"
