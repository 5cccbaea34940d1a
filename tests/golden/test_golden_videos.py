"""The hops of each golden case of videos. videos/README.md says what is in one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from raw_server import Script, answer, raw_server
from routed import router_of
from story import GOLDEN, NOW, Case, asked, parsed, pretty, shown, with_named_ids
from support import bearer, session, settings_for, shim_settings

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.ledger import Job, Jobs, Ledger
from qwen_grpc.ledger.jobs import Wanted
from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.services.jobs import STATES, Cadence, Desk, Order
from qwen_grpc.services.videos import shown as as_video
from qwen_grpc.upstreams.base import Attachment, Scene
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.models_pb2 import Model
from rest_shim.videos import read_order

REPLIES = ("4_qwen_taken.json", "4_qwen_status_1.json", "4_qwen_status_2.json")
CASES = [Case(found.parent) for found in sorted(GOLDEN.glob("videos/*/1_rest_order.json"))]
PICTURE = Attachment(
    "f0000000-0000-4000-8000-000000000001",
    "image",
    "https://qwen-webui-prod.oss-ap-southeast-1.aliyuncs.com/u/fox.png",
    "fox.png",
    "image/png",
    48213,
)
MODEL = ResolvedModel("qwen3.7-plus", Model(id="qwen3.7-plus"), Mode.CHAT)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)


def says(*bodies: str) -> list[Script]:
    """A script for each request, in order."""
    return [[answer(body.encode(), b"Content-Type: application/json")] for body in bodies]


def always(name: str) -> str:
    return (GOLDEN / "always" / name).read_text(encoding="utf-8")


@each_case
def test_hop_1_to_2_the_shim_reads_the_order(case: Case) -> None:
    case.expect("2_rpc_order.txtpb", shown(read_order(json.loads(case.read("1_rest_order.json")))))


@each_case
@pytest.mark.asyncio
async def test_hop_2_to_3_the_adapter_encodes_the_order(case: Case, tmp_path: Path) -> None:
    _, orders = await played(case, tmp_path)
    case.expect("3_qwen_order.json", pretty(json.loads(with_named_ids(orders[0].decode()))))
    assert len(orders) == 1


@each_case
@pytest.mark.asyncio
async def test_hop_4_to_5_the_job_ends_as_the_task_does(case: Case, tmp_path: Path) -> None:
    job, _ = await played(case, tmp_path)
    case.expect("5_rpc_job.txtpb", shown(as_video(replace(job, id="video_1"), STATES[job.state])))


@each_case
def test_hop_5_to_6_the_shim_writes_the_job(case: Case) -> None:
    [job] = parsed(pb.Video, case.read("5_rpc_job.txtpb"))
    case.expect("6_rest_job.json", pretty(RESPONSES.write(job)))


async def played(case: Case, folder: Path) -> tuple[Job, list[bytes]]:
    """The job at its end, and the orders that Qwen got."""
    [order] = parsed(pb.CreateVideoRequest, case.read("2_rpc_order.txtpb"))
    scene = Scene(order.prompt, order.size, [PICTURE] * len(order.images))
    replies = (always("new_chat.json"), *map(case.read, REPLIES))
    async with raw_server(*says(*replies)) as server, Ledger(folder / "ledger") as ledger:
        async with ChatQwenAi(Site(server.url, server.url), now=lambda: NOW) as web:
            desk = Desk(router_of(web), Jobs(ledger, now=lambda: NOW), Cadence(0.01, 0.01), now=lambda: NOW)
            wanted = Wanted("owner", web.name, web.name, order.model, order.prompt, order.size, "", "")
            submit = partial(web.create_video, scene, MODEL, session())
            job = await desk.begin(Order(wanted, session(), submit))
            async for change in desk.watch(job, job.revision):
                job = change
            await desk.close()
        return job, [request.split(b"\r\n\r\n")[1] for request in asked(server)]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["text_to_video", "video_failure"])
async def test_the_whole_story_is_true(name: str) -> None:
    case = Case(GOLDEN / "videos" / name)
    account = json.dumps({"id": "00000000-0000-4000-8000-000000000001"})
    replies = (account, always("models.json"), always("new_chat.json"), *map(case.read, REPLIES))
    async with raw_server(*says(*replies)) as server, gateway(server.url) as http:
        order = json.loads(case.read("1_rest_order.json"))
        made = (await http.post("/v1/videos", json=order, headers=bearer())).json()
        while (job := (await http.get(f"/v1/videos/{made['id']}", headers=bearer())).json())["completed_at"] is None:
            pass

    told = pretty({**job, "id": "video_1", "created_at": NOW, "completed_at": NOW})
    assert case.read("6_rest_job.json") == told


@asynccontextmanager
async def gateway(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """An open gateway in front of a server, and a client of its REST door."""
    # The settings ask of the simulator no more than its address.
    settings = settings_for(SimpleNamespace(url=url), qwen_video_poll=0.01)  # type: ignore[arg-type]
    async with open_gateway(settings, shim_settings()) as opened:
        assert opened.rest is not None
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{opened.rest.port}", timeout=10) as http:
            yield http
