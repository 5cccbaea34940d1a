"""Pictures in chat completions: the `-image` and `-image-edit` variants, and the tool inside an ordinary turn."""

from typing import Any

import pytest
from picture_calls import DATA_URL, error_of, tidied
from support import House, bearer, body, open_house
from upstream_record import contents, sent

from qwen_grpc.simulator import Behaviour

BLUE = [{"type": "text", "text": "make it blue"}, {"type": "image_url", "image_url": {"url": DATA_URL}}]


def picture_of(message: Any) -> tuple[str, str]:
    """The words beside the one picture of an answer, and its address, which Markdown and typed part agree on."""
    (part,) = message["images"]
    url = part["image_url"]["url"]
    assert part == {"type": "image_url", "image_url": {"url": url}}
    before, found, after = message["content"].rpartition(f"]({url})")
    assert (bool(found), after) == (True, "")
    return before, url


def merged(chunks: list[Any]) -> dict[str, Any]:
    """What a client makes of a stream."""
    *chunks, done = chunks
    assert done == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    last = chunks[-1]["choices"][0]
    assert last["finish_reason"] == "stop"
    return {"content": "".join(delta.get("content", "") for delta in deltas), "images": last["delta"]["images"]}


async def answered(house: House, content: Any, model: str, *, stream: bool, **more: Any) -> dict[str, Any]:
    if stream:
        return merged(await house.stream(content, model=model, **more))
    reply = await house.complete(content, model=model, **more)
    assert reply.status_code == 200, reply.text
    (choice,) = reply.json()["choices"]
    assert choice["finish_reason"] == "stop"
    message: dict[str, Any] = choice["message"]
    return message


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_picture_is_the_answer(house: House, stream: bool) -> None:  # noqa: FBT001
    before, url = picture_of(await answered(house, "a red fox", "qwen-max-image", stream=stream, size="16:9"))
    assert (before, url.startswith(f"{house.simulator.url}/output/")) == ("![a red fox", True)
    (sent_body,) = sent(house.simulator)
    assert (sent_body["size"], sent_body["messages"][0]["chat_type"]) == ("16:9", "t2i")
    await tidied(house)


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
async def test_an_edited_picture_is_the_answer(house: House, stream: bool) -> None:  # noqa: FBT001
    before, url = picture_of(await answered(house, BLUE, "qwen-max-image-edit", stream=stream))
    assert (before, "/image_edit/" in url) == ("![make it blue", True)
    (message,) = sent(house.simulator)[0]["messages"]
    assert (message["chat_type"], message["content"], len(message["files"])) == ("image_edit", "make it blue", 1)
    await tidied(house)


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_picture_by_the_tool_follows_the_text(house: House, stream: bool) -> None:  # noqa: FBT001
    message = await answered(house, "a red fox [[sim:image_tool]]", "qwen-max", stream=stream)
    before, url = picture_of(message)
    assert (before, "/t2t/" in url) == ("Here it is: a red fox\n\n![a red fox", True)


@pytest.mark.asyncio
async def test_a_conversation_goes_on_after_a_picture_by_the_tool(house: House) -> None:
    first = {"role": "user", "content": "a red fox [[sim:image_tool]]"}
    told = await answered(house, first["content"], "qwen-max", stream=False)
    messages = [first, {"role": "assistant", "content": told["content"]}, {"role": "user", "content": "Thank you"}]
    await answered_history(house, messages, "qwen-max")
    assert contents(house.simulator) == [first["content"], "Thank you"]


async def answered_history(house: House, messages: list[dict[str, Any]], model: str) -> Any:
    reply = await house.complete("", model=model, messages=messages)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.asyncio
async def test_a_path_of_the_tool_is_one_below_the_chat(house: House) -> None:
    message = await answered(house, "a red fox [[sim:image_tool_relative]]", "qwen-max", stream=False)
    ((chat_id, _),) = house.simulator.chats.items()
    assert picture_of(message)[1].startswith(f"{house.simulator.url}/api/v2/chat/{chat_id}/output/")


@pytest.mark.asyncio
async def test_only_the_last_question_is_drawn_and_the_newest_images_are_edited(house: House) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": BLUE},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "now green"},
    ]
    await answered_history(house, messages, "qwen-max-image-edit")
    await answered_history(house, messages, "qwen-max-image")
    said = [body["messages"][0] for body in sent(house.simulator)]
    assert [(one["content"], one["chat_type"], len(one["files"])) for one in said] == [
        ("now green", "image_edit", 1),
        ("now green", "t2i", 0),
    ]


@pytest.mark.asyncio
async def test_words_in_place_of_a_picture_are_an_answer(house: House) -> None:
    reply = await house.complete("a fox [[sim:plain]]", model="qwen-max-image")
    (choice,) = reply.json()["choices"]
    assert choice["message"] == {"role": "assistant", "content": "You said: a fox", "refusal": None}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "change", "code", "param"),
    [
        ("qwen-max-image", {"messages": [{"role": "user", "content": " "}]}, "invalid_parameter", "messages"),
        ("qwen-max-image", {"messages": [{"role": "system", "content": "x"}]}, "invalid_parameter", "messages"),
        ("qwen-max-image", {"messages": [{"role": "user", "content": BLUE}]}, "unsupported_parameter", "messages"),
        ("qwen-max-image-edit", {}, "invalid_parameter", "messages"),
        ("qwen-max-image", {"size": "640x480"}, "invalid_parameter", "size"),
        (
            "qwen-max-image",
            {"conversation": {"chat_id": "c1"}},
            "unsupported_parameter",
            "conversation.chat_id",
        ),
        ("qwen-max-image", {"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
    ],
)
async def test_what_cannot_be_drawn_is_named(
    house: House, model: str, change: dict[str, Any], code: str, param: str
) -> None:
    request = body("a fox", model=model) | change
    reply = await house.complete("", **request)
    assert error_of(reply) == (400, code, param)
    assert sent(house.simulator) == []


@pytest.mark.asyncio
async def test_the_headers_of_a_slow_picture_come_early() -> None:
    async with open_house(Behaviour(pace_s=0.5), shim={"early_headers": 0.05, "heartbeat": 0.05}) as house:
        request = body("a fox", model="qwen-max-image", stream=True)
        reply = await house.http.post("/v1/chat/completions", json=request, headers=bearer())
        assert ": keep-alive" in reply.text
        assert '"images":' in reply.text
