"""The reference: what one would write in an afternoon with FastAPI and httpx, and deploy as it is.

Same calls upstream as the gateway's (open a chat, complete, remove the chat)
and the same OpenAI records downstream; no validation, no errors, no metrics.
"""

import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

MODEL = "qwen3.7-plus"
FAST = {"thinking_enabled": False, "output_schema": "phase", "auto_thinking": False, "thinking_mode": "Fast"}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=os.environ["QWEN_BASE_URL"], timeout=120) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/chat/completions")
async def complete(request: Request, after: BackgroundTasks) -> Response:
    body, client = await request.json(), request.app.state.client
    headers = {"authorization": request.headers["authorization"], "source": "web", "version": "0.3.12"}
    opened = await client.post("/api/v2/chats/new", json={"models": [MODEL], "chat_type": "t2t"}, headers=headers)
    chat_id = opened.json()["data"]["id"]
    after.add_task(client.delete, f"/api/v2/chats/{chat_id}", headers=headers)
    deltas = read(client, chat_id, body["messages"][-1]["content"], headers)
    reply = {"id": f"chatcmpl-{chat_id}", "created": int(time.time()), "model": MODEL}
    if body.get("stream"):
        return StreamingResponse(records(deltas, reply), media_type="text/event-stream", background=after)
    text = "".join([content async for content, _ in deltas])
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return JSONResponse(reply | {"object": "chat.completion", "choices": [choice]}, background=after)


async def read(
    client: httpx.AsyncClient, chat_id: str, content: str, headers: dict[str, str]
) -> AsyncIterator[tuple[str, str | None]]:
    message = {"role": "user", "content": content, "chat_type": "t2t", "feature_config": FAST, "files": []}
    body = {"stream": True, "chat_id": chat_id, "model": MODEL, "messages": [message], "incremental_output": True}
    url = f"/api/v2/chat/completions?chat_id={chat_id}"
    async with client.stream("POST", url, json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ") and (choices := json.loads(line[6:]).get("choices")):
                delta = choices[0]["delta"]
                finish = "stop" if delta["status"] == "finished" else None
                if delta["content"] or finish:
                    yield delta["content"], finish


async def records(deltas: AsyncIterator[tuple[str, str | None]], reply: dict[str, Any]) -> AsyncIterator[str]:
    async for content, finish in deltas:
        choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
        yield f"data: {json.dumps(reply | {'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


def main() -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    config.load()
    loop, parser = config.get_loop_factory(), config.http_protocol_class
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as sock:
        print(f"runs on {getattr(loop, '__module__', 'asyncio')}, {parser.__name__}")
        print("proxy", sock.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
