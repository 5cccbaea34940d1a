"""A large file passes through the gateway without staying in its memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest
from files_caller import metadata
from gateway_process import Running, started
from support import bearer

from qwen_grpc.simulator import running
from qwen_grpc.v1.files_pb2 import UploadFileRequest, UploadHeader
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]

MIB = 1 << 20
SIZE = 60 * MIB
ROOM = 20 * MIB
PIECE = bytes(256 * 1024)


def peak(gateway: Running) -> int:
    """The most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


async def pieces(size: int, header: UploadHeader) -> AsyncIterator[UploadFileRequest]:
    yield UploadFileRequest(header=header)
    for _ in range(size // len(PIECE)):
        yield UploadFileRequest(data=PIECE)


async def by_grpc(gateway: Running, size: int, *, sized: bool) -> int:
    header = UploadHeader(filename="film.mp4", **({"size_bytes": size} if sized else {}))
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        call = FilesServiceStub(channel).UploadFile(pieces(size, header), metadata=metadata(), timeout=40)
        return (await call).file.size_bytes


async def by_rest(gateway: Running, size: int) -> int:
    before = b'--b\r\nContent-Disposition: form-data; name="file"; filename="film.mp4"\r\n\r\n'
    after = b'\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n--b--\r\n'

    async def form() -> AsyncIterator[bytes]:
        yield before
        for _ in range(size // len(PIECE)):
            yield PIECE
        yield after

    headers = bearer() | {"content-type": "multipart/form-data; boundary=b"}
    async with httpx.AsyncClient(base_url=gateway.rest, timeout=40) as client:
        return int((await client.post("/v1/files", content=form(), headers=headers)).json()["bytes"])


@pytest.mark.parametrize("door", ["gRPC with a size", "gRPC without a size", "REST"])
async def test_60_mib_need_at_most_20_mib_more(tmp_path: Path, door: str) -> None:
    async def upload(size: int) -> int:
        return await (by_rest(gateway, size) if door == "REST" else by_grpc(gateway, size, sized="with a" in door))

    async with running() as simulator:
        environment = {"QWEN_BASE_URL": simulator.url, "QWEN_AUTH_URL": simulator.url, "QWEN_UPLOAD_URL": simulator.url}
        environment |= {"GRPC_PORT": "0", "PORT": "0", "QWEN_LEDGER": str(tmp_path / "ledger")}
        async with started("qwen_grpc", "serve", folder=tmp_path, **environment) as gateway:
            await gateway.heard("REST listens on ")
            await upload(MIB)
            before = peak(gateway)
            assert await upload(SIZE) == SIZE
            assert peak(gateway) - before <= ROOM
        assert [stored.size for stored in simulator.files.values()] == [MIB, SIZE]
