"""From a request to the site's JSON."""

import itertools
import json
from typing import Any

import pytest

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import ContextLength, InvalidParameter, Unsupported
from qwen_grpc.upstreams.chat_qwen_ai.encode import (
    MAX_BODY_BYTES,
    Place,
    Said,
    Turn,
    check_messages,
    encode_completion,
    encode_new_chat,
    encode_turn,
    fold,
    plain,
)
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ROLE_DEVELOPER,
    ROLE_FUNCTION,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    ChatMessage,
    CompleteChatRequest,
    ContentPart,
    FunctionTool,
    ImagePart,
    ResponseFormat,
    SearchOptions,
    ThinkingOptions,
    Tool,
    ToolCall,
    ToolChoice,
)
from qwen_grpc.v1.models_pb2 import CAPABILITY_CHAT, CAPABILITY_SEARCH, CAPABILITY_THINKING, Model

ABLE = Model(
    id="qwen3.7-plus",
    capabilities=[CAPABILITY_CHAT, CAPABILITY_SEARCH, CAPABILITY_THINKING],
    max_thinking_tokens=20_000,
)
FAST = {"thinking_enabled": False, "auto_thinking": False, "thinking_mode": "Fast"}
AUTO = {"thinking_enabled": True, "thinking_format": "summary", "auto_thinking": True, "thinking_mode": "Auto"}
SLOW = {"thinking_enabled": True, "thinking_format": "summary", "auto_thinking": False, "thinking_mode": "Thinking"}
COMMON = {"output_schema": "phase", "research_mode": "normal", "auto_search": False}
WEB_SEARCH = Tool(raw_json='{"type": "web_search"}')
FUNCTION = Tool(function=FunctionTool(name="f"))


def model(mode: Mode = Mode.CHAT, of: Model = ABLE) -> ResolvedModel:
    return ResolvedModel(of.id + mode.value, of, mode)


def turn(mode: Mode = Mode.CHAT, **fields: Any) -> Turn:
    return encode_turn(CompleteChatRequest(**fields), model(mode))


def thinking(mode: Mode = Mode.CHAT, **options: Any) -> dict[str, Any]:
    return turn(mode, thinking=ThinkingOptions(**options)).feature_config


# -- thinking and search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "options", "config"),
    [
        (Mode.CHAT, {}, FAST),
        (Mode.NO_THINKING, {}, FAST),
        (Mode.NO_THINKING, {"effort": "high"}, FAST),
        (Mode.CHAT, {"enabled": False}, FAST),
        (Mode.THINKING, {"enabled": False}, FAST),
        (Mode.CHAT, {"enabled": False, "budget_tokens": 9}, FAST),
        (Mode.CHAT, {"effort": "none"}, FAST),
        (Mode.THINKING, {"effort": "none"}, FAST),
        (Mode.CHAT, {"effort": "auto"}, AUTO),
        (Mode.THINKING, {"effort": "auto"}, AUTO),
        (Mode.THINKING, {}, SLOW),
        (Mode.CHAT, {"enabled": True}, SLOW),
        (Mode.NO_THINKING, {"enabled": True}, SLOW),
        (Mode.CHAT, {"effort": "minimal"}, SLOW | {"thinking_budget": 1024}),
        (Mode.CHAT, {"effort": "low"}, SLOW | {"thinking_budget": 4096}),
        (Mode.CHAT, {"effort": "medium"}, SLOW | {"thinking_budget": 16384}),
        (Mode.CHAT, {"effort": "high"}, SLOW | {"thinking_budget": 20_000}),
        (Mode.CHAT, {"effort": "word of tomorrow"}, SLOW),
        (Mode.CHAT, {"budget_tokens": 500}, SLOW | {"thinking_budget": 500}),
        (Mode.CHAT, {"effort": "high", "budget_tokens": 500}, SLOW | {"thinking_budget": 500}),
        (Mode.CHAT, {"enabled": True, "budget_tokens": 99_999}, SLOW | {"thinking_budget": 20_000}),
    ],
)
def test_thinking_is_one_of_three_presets(mode: Mode, options: dict[str, Any], config: dict[str, Any]) -> None:
    assert thinking(mode, **options) == config | COMMON


def test_a_budget_stays_when_the_model_names_no_limit() -> None:
    able = Model(id="m", capabilities=[CAPABILITY_CHAT, CAPABILITY_THINKING])
    request = CompleteChatRequest(thinking=ThinkingOptions(budget_tokens=99_999))
    assert encode_turn(request, model(of=able)).feature_config["thinking_budget"] == 99_999


@pytest.mark.parametrize(
    ("mode", "fields", "chat_type"),
    [
        (Mode.CHAT, {}, "t2t"),
        (Mode.THINKING, {}, "t2t"),
        (Mode.SEARCH, {}, "search"),
        (Mode.THINKING_SEARCH, {}, "search"),
        (Mode.CHAT, {"search": SearchOptions(enabled=True)}, "search"),
        (Mode.SEARCH, {"search": SearchOptions(enabled=False)}, "t2t"),
        (Mode.SEARCH, {"search": SearchOptions(options_json="{}")}, "search"),
        (Mode.CHAT, {"tools": [WEB_SEARCH]}, "search"),
        (Mode.CHAT, {"tools": [WEB_SEARCH], "search": SearchOptions(enabled=False)}, "t2t"),
    ],
)
def test_search_is_a_route(mode: Mode, fields: dict[str, Any], chat_type: str) -> None:
    found = turn(mode, **fields)
    assert (found.chat_type, found.feature_config["auto_search"]) == (chat_type, chat_type == "search")


def test_search_is_refused_where_the_model_has_none() -> None:
    unable = Model(id="m", capabilities=[CAPABILITY_CHAT])
    with pytest.raises(Unsupported, match="^the model 'm' offers no web search$") as failure:
        encode_turn(CompleteChatRequest(search=SearchOptions(enabled=True)), model(of=unable))
    assert failure.value.field == "search"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tools": [FUNCTION]}, "tools"),
        ({"tools": [WEB_SEARCH, FUNCTION]}, "tools"),
        ({"tools": [FUNCTION], "tool_choice": ToolChoice(mode=ToolChoice.MODE_AUTO)}, "tools"),
        ({"tools": [Tool(raw_json="not json")]}, "tools"),
        ({"tools": [Tool(raw_json="[" * 100_000)]}, "tools"),
        ({"tools": [Tool(raw_json="[1]")]}, "tools"),
        ({"tools": [Tool()]}, "tools"),
        ({"response_format": ResponseFormat(type=ResponseFormat.TYPE_JSON_OBJECT)}, "response_format"),
        ({"response_format": ResponseFormat(type=ResponseFormat.TYPE_JSON_SCHEMA)}, "response_format"),
        ({"logprobs": True}, "logprobs"),
    ],
)
def test_what_the_site_would_ignore_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as failure:
        turn(**fields)
    assert failure.value.field == field


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [FUNCTION], "tool_choice": ToolChoice(mode=ToolChoice.MODE_NONE)},
        {"tool_choice": ToolChoice(mode=ToolChoice.MODE_REQUIRED)},
        {"response_format": ResponseFormat(type=ResponseFormat.TYPE_TEXT)},
        {"logprobs": False},
        {"temperature": 0.1, "seed": 1},
    ],
)
def test_what_asks_for_nothing_special_is_served(fields: dict[str, Any]) -> None:
    assert turn(**fields) == Turn("qwen3.7-plus", "t2t", FAST | COMMON)


# -- bodies -------------------------------------------------------------------------------------------------------


def test_the_body_that_opens_a_chat() -> None:
    assert json.loads(encode_new_chat(Turn("m", "search", {}), now=1790356319.25)) == {
        "chatId": "",
        "models": ["m"],
        "project_id": "",
        "timestamp": 1790356319250,
        "chat_type": "search",
        "chat_mode": "normal",
    }


def completion(place: Place, content: str = "hello\n") -> bytes:
    numbers = itertools.count(1)
    ids = (f"id{number}" for number in numbers)
    return encode_completion(
        Turn("qwen3.7-plus", "t2t", FAST), place, Said(content), now=1790356330.9, new_id=lambda: next(ids)
    )


@pytest.mark.parametrize(("place", "parent"), [(Place("c1"), None), (Place("c1", "a1"), "a1")])
def test_the_body_that_sends_a_message(place: Place, parent: str | None) -> None:
    assert json.loads(completion(place)) == {
        "stream": True,
        "version": "2.1",
        "incremental_output": True,
        "chatId": "c1",
        "parentId": parent or "",
        "chat_id": "c1",
        "chat_mode": "normal",
        "model": "qwen3.7-plus",
        "parent_id": parent,
        "timestamp": 1790356330,
        "messages": [
            {
                "id": None,
                "fid": "id1",
                "parentId": parent,
                "childrenIds": ["id2"],
                "role": "user",
                "content": "hello\n",
                "user_action": "chat",
                "files": [],
                "timestamp": 1790356330,
                "models": ["qwen3.7-plus"],
                "model": "",
                "chat_type": "t2t",
                "feature_config": FAST,
                "extra": {"meta": {"subChatType": "t2t"}},
                "sub_chat_type": "t2t",
                "parent_id": parent,
            }
        ],
    }


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    room = MAX_BODY_BYTES - len(completion(Place("c1"), ""))
    assert len(completion(Place("c1"), "x" * room)) == MAX_BODY_BYTES
    for content in ("x" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(ContextLength, match="shorten the conversation$") as failure:
            completion(Place("c1"), content)
        assert failure.value.field == "messages"


# -- folding ------------------------------------------------------------------------------------------------------


def user(content: str, **fields: Any) -> ChatMessage:
    return ChatMessage(role=ROLE_USER, content=content, **fields)


def test_a_lone_user_message_stays_as_it_is() -> None:
    assert fold([user(" Hello\n")]) == " Hello\n"


def test_a_conversation_becomes_paragraphs_under_roles_system_first() -> None:
    messages = [
        user("Hello", name="Ann"),
        ChatMessage(role=ROLE_ASSISTANT, content="Bonjour !"),
        ChatMessage(role=ROLE_SYSTEM, content="Answer in French."),
        ChatMessage(
            role=ROLE_ASSISTANT, tool_calls=[ToolCall(id="call_1", name="weather", arguments='{"city":"Paris"}')]
        ),
        ChatMessage(role=ROLE_TOOL, content="18 °C", tool_call_id="call_1"),
        ChatMessage(role=ROLE_FUNCTION, content="rain", name="sky"),
        ChatMessage(role=ROLE_DEVELOPER, content="Be short."),
        ChatMessage(role=ROLE_ASSISTANT, refusal="I would rather not."),
        user("And the weather?"),
    ]
    assert fold(messages) == (
        "System:\nAnswer in French.\n\n"
        "System:\nBe short.\n\n"
        "User (Ann):\nHello\n\n"
        "Assistant:\nBonjour !\n\n"
        'Assistant:\n{"tool_call":"weather","id":"call_1","arguments":"{\\"city\\":\\"Paris\\"}"}\n\n'
        "Tool (call_1):\n18 °C\n\n"
        "Tool (sky):\nrain\n\n"
        "Assistant:\nI would rather not.\n\n"
        "User:\nAnd the weather?"
    )


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([ChatMessage(role=ROLE_SYSTEM, content="Rules")], "System:\nRules"),
        ([user("Hi", name="Ann")], "User (Ann):\nHi"),
        ([], ""),
    ],
)
def test_one_message_that_is_not_plainly_a_users_gets_its_heading(messages: list[ChatMessage], text: str) -> None:
    assert fold(messages) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ChatMessage(parts=[ContentPart(text="one"), ContentPart(text="two")]), "one\ntwo"),
        (ChatMessage(parts=[ContentPart(text="one"), ContentPart(refusal="no")]), "one\nno"),
        (ChatMessage(content="said", refusal="no"), "said\nno"),
        (ChatMessage(), ""),
    ],
)
def test_a_message_is_the_text_of_all_its_parts(message: ChatMessage, text: str) -> None:
    assert plain(message) == text


def test_media_that_nobody_uploaded_are_refused_with_their_place() -> None:
    picture = ChatMessage(role=ROLE_USER, parts=[ContentPart(text="look"), ContentPart(image=ImagePart())])
    with pytest.raises(Unsupported) as failure:
        check_messages([user("Hi"), picture], {})
    assert (failure.value.field, failure.value.message) == (
        "messages[1].content[1]",
        "messages[1].content[1]: media are not taken here",
    )


def test_a_role_that_the_site_has_no_place_for_is_named() -> None:
    with pytest.raises(InvalidParameter) as failure:
        check_messages([user("Hi"), ChatMessage(content="?")], {})
    assert (failure.value.field, failure.value.message) == (
        "messages[1].role",
        "messages[1].role is missing or unknown: expected one of system, developer, user, assistant, tool, function",
    )
