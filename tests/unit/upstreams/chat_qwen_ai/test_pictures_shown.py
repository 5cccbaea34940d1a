"""Which addresses count as pictures, and how an answer shows them."""

import json
from typing import Any

import pytest

from qwen_grpc.errors import UpstreamEmpty, UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.decode import PICTURE_PHASES, Answer
from qwen_grpc.upstreams.chat_qwen_ai.hosts import allow, is_own
from qwen_grpc.upstreams.chat_qwen_ai.shown import MAX_ALT, MAX_PICTURES, Shown
from qwen_grpc.upstreams.chat_qwen_ai.text import Text
from qwen_grpc.upstreams.chat_qwen_ai.wire import Delta
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, ChatDelta, StreamChatResponse

BASE = "http://127.0.0.1:9"
CDN = "https://cdn.qwenlm.ai/output/u/t2i/c/1.png?key=abc"
OTHER = "https://cdn.qwenlm.ai/output/u/t2i/c/2.png?key=abc"
PUNISH = "https://chat.qwen.ai:443//api/v2/chat/completions/_____tmd_____/punish?x5secdata=s"
PUNISH_PLAIN = "https://chat.qwen.ai/api/v2/chat/completions/_____tmd_____/punish?x5secdata=s"
CREATED = b'{"response.created":{"chat_id": "c1", "parent_id": "u1", "response_id":"a1"}}'


def step(phase: str, content: str = "", status: str = "typing", **more: Any) -> bytes:
    delta = {"role": "assistant", "content": content, "phase": phase, "status": status, **more}
    return json.dumps({"choices": [{"delta": delta}]}).encode()


def heard(*events: bytes, drawing: bool = False, **shown: Any) -> Answer:
    answer = Answer(Shown(BASE, **shown), drawing=drawing)
    answer.decode([CREATED, *events], StreamChatResponse())
    return answer


def urls(*events: bytes, **shown: Any) -> list[str]:
    return heard(*events, **shown).shown.urls


@pytest.mark.parametrize("phase", PICTURE_PHASES)
@pytest.mark.parametrize(
    "told",
    [
        {"content": CDN},
        {"extra": {"image_list": [{"image": CDN}]}},
        {"extra": {"image_list": json.dumps([{"image": CDN}])}},
        {"extra": {"image_list": [json.dumps({"image": CDN})]}},
        {"extra": {"image_list": [CDN]}},
        {"extra": {"tool_result": [{"image": CDN}]}},
        {"extra": {"tool_result": json.dumps({"url": CDN})}},
        {"content": OTHER, "extra": {"image_list": [{"image": CDN}], "tool_result": [{"image": OTHER}]}},
        {"content": OTHER, "extra": {"image_list": [], "tool_result": [{"image": CDN}]}},
        {"content": CDN, "extra": {"image_list": "[broken", "tool_result": None}},
        {"content": CDN, "extra": {"image_list": [{"image": PUNISH_PLAIN}]}},
    ],
)
def test_the_address_is_found_in_each_phase_and_place(phase: str, told: dict[str, Any]) -> None:
    assert urls(step(phase, **told)) == [CDN]


@pytest.mark.parametrize("phase", ["answer", "image_gen_think", "image_zoom_in_tool", "web_search_image"])
def test_other_phases_show_no_pictures(phase: str) -> None:
    assert urls(step(phase, CDN, extra={"image_list": [{"image": CDN}]})) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "drawing a fox",
        PUNISH,
        PUNISH_PLAIN,
        "https://example.org/1.png",
        "https://evilqwen.ai/1.png",
        "https://qwen.ai.example.org/1.png",
        "https://qwen.ai@example.org/1.png",
        "https://user:pass@cdn.qwen.ai/1.png",
        "https://cdn.qwenlm.ai:8443/1.png",
        "http://cdn.qwenlm.ai/1.png",
        "ftp://cdn.qwenlm.ai/1.png",
        "//cdn.qwenlm.ai/1.png",
        "http://127.0.0.1:10/1.png",
        "https://[broken/1.png",
    ],
)
def test_what_is_no_picture_of_the_sites_own_is_never_shown(content: str) -> None:
    assert urls(step("image_gen", content)) == []
    assert not heard(step("image_gen", content), step("image_gen", status="finished"), drawing=True).finished


@pytest.mark.parametrize(
    "url",
    [
        CDN,
        f"{BASE}/output/1.png",
        "https://qwen.ai/1.png",
        "https://a.b.oss-accelerate.aliyuncs.com/1.png",
        "https://img.alicdn.com/1.png",
    ],
)
def test_the_sites_own_hosts_are_believed(url: str) -> None:
    assert is_own(url, BASE)
    assert urls(step("image_gen", url)) == [url]


def test_a_foreign_address_is_refused_by_name_of_the_site() -> None:
    with pytest.raises(UpstreamProtocol) as failure:
        allow("https://example.org/1.png", BASE)
    assert failure.value.message == "chat.qwen.ai named a result on a host that is not its own; it was not opened"


def test_a_picture_that_was_sent_is_not_a_result_even_with_another_signature() -> None:
    sent = [CDN.replace("abc", "older")]
    assert urls(step("image_edit", CDN), step("image_edit", OTHER), sent=sent) == [OTHER]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("output/1.png", [f"{BASE}/api/v2/chat/c1/output/1.png"]),
        ("../../v1/auths/", []),
        ("a/../b", []),
        ("/etc/passwd", []),
        ("a b", []),
        ("", []),
    ],
)
def test_a_path_is_one_below_the_chat(path: str, shown: list[str]) -> None:
    assert urls(step("image_gen_tool", extra={"tool_result": [{"image": path}]})) == shown


def test_a_path_before_the_chat_is_known_is_none() -> None:
    answer = Answer(Shown(BASE))
    event = step("image_gen_tool", extra={"tool_result": [{"image": "output/1.png"}]})
    answer.decode([event], StreamChatResponse())
    assert answer.shown.urls == []


def test_each_picture_is_shown_once_and_not_without_end() -> None:
    many = [f"https://cdn.qwenlm.ai/{number}.png" for number in range(MAX_PICTURES + 5)]
    assert urls(step("image_gen", CDN), step("image_gen", CDN), step("image_gen", OTHER)) == [CDN, OTHER]
    assert urls(step("image", extra={"image_list": many})) == many[:MAX_PICTURES]


def test_nesting_without_end_is_no_picture() -> None:
    assert urls(step("image", extra={"image_list": json.loads("[" * 500 + "]" * 500)})) == []


def test_a_drawing_turn_ends_with_its_phase_once_a_picture_was_shown() -> None:
    done = step("image_gen", status="finished")
    assert heard(step("image_gen", CDN), done, drawing=True).finished
    assert not heard(step("image_gen", CDN), drawing=True).finished
    assert not heard(done, drawing=True).finished
    assert heard(done, step("answer", status="finished"), drawing=True).finished


def test_a_tool_that_has_finished_does_not_end_an_ordinary_turn() -> None:
    event = step("image_gen_tool", status="finished", extra={"image_list": [{"image": CDN}]})
    assert not heard(event).finished


def test_the_pictures_follow_the_text_as_markdown_and_as_typed_parts() -> None:
    call = {"name": "image_gen", "arguments": json.dumps({"prompt": "a red fox"})}
    answer = heard(
        step("image_gen_tool", function_call=call),
        step("image_gen_tool", extra={"image_list": [CDN, OTHER]}),
        step("answer", "Here it is."),
        step("answer", status="finished"),
    )
    message = StreamChatResponse()
    answer.end(message)
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in (CDN, OTHER)]
    pictures = f"\n\n![a red fox]({CDN})\n![a red fox]({OTHER})"
    assert list(message.deltas) == [
        ChatDelta(content=pictures),
        ChatDelta(finish_reason=FINISH_REASON_STOP, extra_json=json.dumps({"images": parts}, separators=(",", ":"))),
    ]
    # What the conversation is recognised by is what the client was given.
    assert answer.text.whole() == "Here it is." + pictures


@pytest.mark.parametrize(
    ("call", "alt"),
    [
        ({"arguments": {"prompt": "a fox"}}, "a fox"),
        ({"arguments": "not json"}, "asked"),
        ({"arguments": json.dumps(["a fox"])}, "asked"),
        ({"arguments": {"prompt": 5}}, "asked"),
        ([], "asked"),
    ],
)
def test_the_words_beside_a_picture_are_those_that_the_tool_was_given(call: Any, alt: str) -> None:
    answer = heard(step("image_gen_tool", CDN, function_call=call), prompt="asked")
    assert answer.shown.markdown() == f"![{alt}]({CDN})"


def test_markdown_cannot_be_broken_by_a_prompt_or_an_address() -> None:
    shown = Shown(BASE, prompt=f"a [link](x)\n\\ {'y' * MAX_ALT}")
    shown.urls.append(f"{BASE}/a(1).png")
    alt = r"a \[link\](x) \\ " + "y" * (MAX_ALT - len(r"a [link](x) \ "))
    assert shown.markdown() == f"![{alt}]({BASE}/a%281%29.png)"


def test_an_answer_of_nothing_but_a_picture_from_elsewhere_is_an_answer() -> None:
    answer = Answer(Shown(BASE), drawing=True)
    with pytest.raises(UpstreamEmpty):
        answer.end(StreamChatResponse())
    answer.shown.take(Delta(content=CDN), "c1")
    message = StreamChatResponse()
    answer.end(message)
    assert message.deltas[0].content == f"![image]({CDN})"


def test_appended_text_stands_behind_what_the_site_wrote() -> None:
    text = Text()
    assert (text.take("Hello"), text.append(" and more"), text.whole()) == ("Hello", " and more", "Hello and more")
