"""Asks a simulator for pictures and videos the way the site does."""

import json
from typing import Any

import httpx
from simulator_caller import MODEL, Caller, data_lines


def body_of(chat_id: str, text: str, kind: str, **changes: Any) -> dict[str, Any]:
    """A completion as the site sends it for a picture or a video."""
    size = changes.pop("size", "16:9")
    message = {
        "role": "user",
        "content": text,
        "chat_type": kind,
        "sub_chat_type": kind,
        "files": changes.pop("files", []),
        "extra": {"meta": {"subChatType": kind, "size": size}},
        **changes.pop("message", {}),
    }
    stream = kind not in ("t2v", "i2v")
    return {"chat_id": chat_id, "model": MODEL, "stream": stream, "size": size, "messages": [message], **changes}


async def make(caller: Caller, text: str, kind: str, **changes: Any) -> httpx.Response:
    body = body_of(await caller.new_chat(), text, kind, **changes)
    return await caller.http.post("/api/v2/chat/completions", json=body)


async def submit(caller: Caller, text: str = "a fox", kind: str = "t2v", **changes: Any) -> str:
    data = (await make(caller, text, kind, **changes)).json()["data"]
    task_id: str = data["messages"][0]["extra"]["wanx"]["task_id"]
    return task_id


async def poll(caller: Caller, task_id: str, path: str = "/api/v2/task/status/") -> httpx.Response:
    return await caller.http.get(f"{path}{task_id}")


def deltas(reply: httpx.Response) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in data_lines(reply.content)]
    return [event["choices"][0]["delta"] for event in events if "choices" in event]


def url_of(reply: httpx.Response) -> str:
    url: str = deltas(reply)[0]["content"]
    return url


async def stored(caller: Caller) -> dict[str, Any]:
    """The newest answer of the newest chat."""
    [*_, chat_id] = caller.simulator.chats
    answer: dict[str, Any] = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"][-1]
    return answer
