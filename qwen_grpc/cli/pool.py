"""`qwen-grpc pool`."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToJson

from qwen_grpc.settings import BadSettings, Settings, load
from qwen_grpc.v1 import admin_pb2 as pb
from qwen_grpc.v1.admin_pb2_grpc import AdminServiceStub

TIMEOUT_S = 5.0
HEAD = ("credential", "state", "in flight", "calls", "failures", "about", "reason", "until (UTC)")


def pool(
    port: Annotated[int | None, typer.Option(help="Admin port of the running gateway (ADMIN_PORT).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show every credential of a running gateway: whether it is ready, left alone, or in need of its owner."""
    try:
        admin_port = load(Settings, admin_port=port).admin_port
        if admin_port is None:
            raise BadSettings("ADMIN_PORT: not set: start the gateway with it, and give it here or by --port")
        answer = asyncio.run(_asked(admin_port))
    except BadSettings as error:
        typer.echo(error, err=True)
        raise SystemExit(2) from None
    typer.echo(MessageToJson(answer) if as_json else "\n".join(_table(answer)))


async def _asked(port: int) -> pb.GetPoolResponse:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            stub: Any = AdminServiceStub(channel)
            answer: pb.GetPoolResponse = await stub.GetPool(pb.GetPoolRequest(), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            text = f"ADMIN_PORT: no gateway answers on 127.0.0.1:{port} ({error.code().name})"
            raise BadSettings(text) from None
    return answer


def _table(answer: pb.GetPoolResponse) -> list[str]:
    rows = [HEAD, *(row for lane in answer.lanes for row in _rows(lane))]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(lane: pb.Lane) -> Iterator[tuple[str, ...]]:
    counts = (str(lane.in_flight), str(lane.calls), str(lane.failures))
    if not lane.troubles:
        yield (lane.label, _word(pb.LANE_STATE_HEALTHY), *counts, "", "", "")
    for trouble in lane.troubles:
        about = " ".join(part for part in (trouble.model, trouble.usage) if part) or "everything"
        until = trouble.until.ToDatetime().strftime("%H:%M:%S") if trouble.HasField("until") else "renewed"
        yield (lane.label, _word(trouble.state), *counts, about, trouble.reason, until)


def _word(state: pb.LaneState) -> str:
    return pb.LaneState.Name(state).removeprefix("LANE_STATE_").lower().replace("_", "-")
