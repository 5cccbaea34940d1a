"""Images, files and videos through the official openai package for Node, on a real Node."""

import asyncio
import json
from pathlib import Path
from typing import Any

import node_sdk
import pytest
from subprocesses import run
from support import open_house, session

from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Behaviour
from qwen_grpc.simulator.renderings import PNG_SIGNATURE, picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("node")]

DAY_S = 24 * 3600
SIGNATURE = PNG_SIGNATURE.hex()
NOTES = b"words" * 100


def failure(**more: Any) -> dict[str, Any]:
    nothing = {"isBadRequest": False, "isNotFound": False, "param": None}
    return {**nothing, "type": "invalid_request_error", **more}


@pytest.mark.asyncio
async def test_the_node_client_makes_pictures_files_and_videos(tmp_path: Path) -> None:
    await asyncio.to_thread(node_sdk.install)
    picture_file, notes_file = tmp_path / "cat.png", tmp_path / "notes.txt"
    picture_file.write_bytes(picture("cat", 8, 8).head)
    notes_file.write_bytes(NOTES)
    async with open_house(Behaviour(video_bytes=50_000), qwen_video_poll=0.02) as house:
        reach = {"OPENAI_BASE_URL": f"{house.rest}/v1", "OPENAI_API_KEY": pack(session())}
        given = {"PICTURE": str(picture_file), "NOTES": str(notes_file)}
        ended = await run(node_sdk.NODE, "media.mjs", environment=reach | given, cwd=node_sdk.CLIENT)
        stored = sorted(file.name for file in house.simulator.files.values())
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["images"] == {
        "made": [SIGNATURE] * 2,
        "inline": [{"hasUrl": False, "start": SIGNATURE}],
        "edited": [SIGNATURE],
        "wrongSize": failure(isBadRequest=True, status=400, code="invalid_parameter", param="size"),
    }
    gone = failure(isNotFound=True, status=404, code="not_found")
    assert found["files"] == {
        "made": {
            "object": "file",
            "bytes": len(NOTES),
            "filename": "notes.txt",
            "purpose": "user_data",
            "status": "processed",
        },
        "keptSeconds": DAY_S,
        "foundIsMade": True,
        "listedNewestFirst": True,
        "deleted": {"id": True, "object": "file", "deleted": True},
        "gone": gone,
    }
    assert found["videos"] == {
        "made": {"object": "video", "model": "qwen3.7-plus", "prompt": "a fox", "size": "1280x720", "error": None},
        "completed": {"sameId": True, "status": "completed", "progress": 100},
        "content": {"type": "video/mp4", "size": 50_000},
        "deleted": {"id": True, "object": "video.deleted", "deleted": True},
        "gone": gone,
    }
    # The image of the edit, and the two files.
    assert stored == ["cat.png", "cat.png", "notes.txt"]
