"""What the codec promises for any body: nothing is lost, nothing is changed."""

from collections.abc import Callable
from typing import Any

import pytest
from bodies import Bodies
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES, Codec, InvalidBody
from qwen_grpc.openai_json.jsontext import dump, load
from qwen_grpc.v1 import chat_pb2, chats_pb2, embeddings_pb2, files_pb2, images_pb2, models_pb2, tokens_pb2, videos_pb2
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest, CompleteChatResponse, ContentPart
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse, Embedding

ADDED: list[dict[str, Any]] = [
    {"id": "", "object": "chat.completion", "created": 0, "model": "", "choices": []},
    {"index": 0, "logprobs": None, "finish_reason": None},
    {"role": "assistant", "content": None, "refusal": None},
    {"id": "", "type": "function"},
    {"content": None, "refusal": None},
    {"token": "", "logprob": 0.0, "bytes": None, "top_logprobs": []},
    {"url": "", "title": "", "start_index": 0, "end_index": 0},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    {"object": "list", "data": [], "model": ""},
    {"object": "embedding", "index": 0, "embedding": []},
]
FILES = (chat_pb2, chats_pb2, embeddings_pb2, files_pb2, images_pb2, models_pb2, tokens_pb2, videos_pb2)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def covers(written: Any, given: Any) -> bool:
    """Equal, but for members that OpenAI requires and the given object lacks."""
    if isinstance(written, dict) and isinstance(given, dict):
        added = {name: written[name] for name in written.keys() - given.keys()}
        required = any(same({name: one.get(name, 0) for name in added}, added) for one in ADDED)
        return required and all(name in written and covers(written[name], given[name]) for name in given)
    if isinstance(written, list) and isinstance(given, list):
        return len(written) == len(given) and all(map(covers, written, given))
    return same(written, given)


def there_and_back(codec: Codec, message_type: type[Message], body: Any) -> Any:
    message = codec.read(message_type, body)
    return codec.write(message_type.FromString(message.SerializeToString()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("message_type", "make"),
    [
        (CompleteChatRequest, Bodies.request),
        (ChatMessage, Bodies.message),
        (ContentPart, Bodies.part),
        (CreateEmbeddingsRequest, Bodies.embeddings_request),
    ],
)
def test_any_request_is_written_as_it_was_read(
    message_type: type[Message], make: Callable[[Bodies], Any], seed: int
) -> None:
    bodies = Bodies(seed)
    for _ in range(4000):
        body = load(dump(make(bodies)))
        written = there_and_back(REQUESTS, message_type, body)
        assert same(written, body), f"{dump(body)!r}\nbecame\n{dump(written)!r}"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("message_type", "make"),
    [(CompleteChatResponse, Bodies.response), (CreateEmbeddingsResponse, Bodies.embeddings)],
)
def test_any_answer_is_written_as_it_was_read_but_for_required_members(
    message_type: type[Message], make: Callable[[Bodies], Any], seed: int
) -> None:
    bodies = Bodies(seed)
    for _ in range(3000):
        body = load(dump(make(bodies)))
        written = there_and_back(RESPONSES, message_type, body)
        assert covers(written, body), f"{dump(body)!r}\nbecame\n{dump(written)!r}"
        assert same(there_and_back(RESPONSES, message_type, written), written), dump(body)


def test_a_vector_keeps_32_bits_of_each_number() -> None:
    body = {"object": "embedding", "index": 0, "embedding": [0.1, 1 / 3, -1e-3]}
    written = there_and_back(RESPONSES, Embedding, body)["embedding"]
    assert written == [0.10000000149011612, 0.3333333432674408, -0.0010000000474974513]


@pytest.mark.parametrize("vector", ["AAAAPw==", [1e300], [True], [None], ["0.5"], [[0.5]], {}, None])
def test_what_is_no_vector_of_floats_is_kept_as_it_came(vector: Any) -> None:
    body = {"object": "embedding", "index": 0, "embedding": vector}
    assert RESPONSES.read(Embedding, body).values == []
    assert same(there_and_back(RESPONSES, Embedding, body), body)


def test_any_value_may_stand_in_a_body() -> None:
    bodies = Bodies(7)
    for _ in range(3000):
        body = {bodies.text(): bodies.anything() for _ in range(4)}
        assert same(there_and_back(REQUESTS, CompleteChatRequest, body), body), dump(body)


def test_check_raises_nothing_but_invalid_body_and_names_a_path() -> None:
    bodies, errors = Bodies(8), []
    for _ in range(3000):
        try:
            REQUESTS.check(CompleteChatRequest, {"model": "q", "messages": [bodies.message()], **bodies.request()})
        except InvalidBody as error:
            errors.append(error)
    assert len(errors) > 1000
    assert [error for error in errors if not error.param or f"'{error.param}'" not in error.message] == []
    assert {error.code for error in errors} == {
        "invalid_type", "invalid_value", "missing_required_parameter", "empty_array",
    }  # fmt: skip


def test_a_body_that_passes_the_check_reaches_its_fields() -> None:
    # The check and the reader are compiled from one table: what one takes, the other holds.
    bodies, held = Bodies(9), 0
    for _ in range(6000):
        body = {name: value for name, value in bodies.request().items() if value} | {"model": "q"}
        body["messages"] = [{"role": "user", "content": "hi"}]
        try:
            REQUESTS.check(CompleteChatRequest, body)
        except InvalidBody:
            continue
        message = REQUESTS.read(CompleteChatRequest, body)
        for name in ("temperature", "n", "seed", "max_tokens", "logprobs"):
            if name in body:
                held += 1
                assert getattr(message, name) == body[name]
    assert held > 500


def test_every_message_of_a_chat_request_can_keep_what_it_does_not_know() -> None:
    homeless = []

    def walk(descriptor: Descriptor, kept: bool, path: str) -> None:
        kept = kept or "extra_json" in descriptor.fields_by_name
        if not kept:
            homeless.append(path)
        for field in descriptor.fields:
            if field.message_type and not field.message_type.GetOptions().map_entry and path.count(".") < 8:
                walk(field.message_type, kept, f"{path}.{field.name}")

    walk(CompleteChatRequest.DESCRIPTOR, False, "request")
    assert homeless == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.DESCRIPTOR.name.rpartition("/")[2])
def test_every_message_of_the_contract_has_a_json_form(file: Any) -> None:
    for descriptor in file.DESCRIPTOR.message_types_by_name.values():
        message = GetMessageClass(descriptor)()
        assert REQUESTS.write(message) == {}
        written = RESPONSES.write(message)
        assert same(there_and_back(RESPONSES, type(message), written), written)


def test_a_message_without_extra_json_says_which_member_it_cannot_hold() -> None:
    with pytest.raises(InvalidBody) as caught:
        RESPONSES.read(models_pb2.Model, {"id": "qwen-max", "shutdown_date": "2027-01-01"})
    assert (caught.value.param, caught.value.code) == ("shutdown_date", "unknown_parameter")


def test_nesting_beyond_what_can_be_handled_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidBody, match="nested too deeply"):
        REQUESTS.read(CompleteChatRequest, {"odd": deep})
