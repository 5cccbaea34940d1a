"""Hostile JSON bodies: shaped like the schema, spoiled at random, and always the same for one seed."""

import random
from collections.abc import Callable
from typing import Any

Json = Any

WORDS = [
    "model", "messages", "temperature", "top_p", "max_completion_tokens", "max_tokens", "stop", "seed", "n", "tools",
    "tool_choice", "parallel_tool_calls", "response_format", "thinking", "include_usage", "extra_json", "logprobs",
    "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "metadata", "user", "service_tier", "top_k",
    "search", "conversation", "enable_thinking", "thinking_budget", "reasoning_effort", "reasoning", "budget_tokens",
    "chat_template_kwargs", "enable_search", "search_options", "web_search_options", "stream", "stream_options",
    "role", "content", "parts", "reasoning_content", "tool_calls", "tool_call_id", "name", "refusal", "annotations",
    "audio", "type", "text", "image_url", "image", "url", "detail", "input_audio", "data", "format", "video_url",
    "video", "fps", "frames", "media", "file", "file_data", "file_id", "filename", "raw_json", "mime_type", "effort",
    "function", "function_name", "mode", "parameters", "parameters_json", "strict", "description", "arguments", "id",
    "json_schema", "schema", "schema_json", "url_citation", "title", "start_index", "end_index", "created", "object",
    "choices", "index", "message", "finish_reason", "usage", "prompt_tokens", "completion_tokens", "total_tokens",
    "prompt_tokens_details", "completion_tokens_details", "cached_tokens", "reasoning_tokens", "estimated", "bytes",
    "utf8", "token", "logprob", "top", "system_fingerprint", "chat_id", "parent_message_id", "message_id", "ephemeral",
    "enabled", "options_json", "max_tokens", "transcript", "expires_at", "cache_control", "critic", "user", "system",
    "developer", "assistant", "tool", "auto", "none", "required", "json_object", "length", "tool_calls", "disabled",
    "chat.completion", "owned_by", "capabilities", "create_time", "", "é", "\ud83d", "a\udc00b", "日本", "\0", "🙂",
]  # fmt: skip
TEXTS = [
    *WORDS, "hello", "data:image/png;base64,iVBORw0KGgo=", "data:;base64,AAAA", "data:image/png;base64,AAA",
    "data:image/png;base64,AAB=", "data:text/plain,hi", "http://h/i.png", "https://h/", "AAAA", "AAA=", "AAB=", "A",
    "http://h/😀", "data:é;base64,AAAA", "data:\ud800;base64,AAAA", "{}", "null", '{"type":"text"}', "1" * 200,
]  # fmt: skip
MEDIA = [text for text in TEXTS if text.startswith(("data:", "http", "A"))]
NUMBERS = [
    0, 1, -1, 2, 0.0, -0.0, 1.0, 0.7, 1.5, 1e22, 5e-324, 1.7976931348623157e308, 2**31 - 1, 2**31, -(2**31),
    -(2**31) - 1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64,
    10**30, 10**320, 1e18,
    9007199254740993.0, 9.3e18, 255, 256, 1700000000,
]  # fmt: skip


class Bodies:
    """Makes bodies; each is mostly right, so that the rare wrong member meets the typed path."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def request(self) -> Json:
        return self._object(
            model=self.text, messages=self._list(self.message), temperature=self.number, top_p=self.number,
            frequency_penalty=self.number, presence_penalty=self.number,
            max_tokens=self.number, max_completion_tokens=self.number, n=self.number, seed=self.number,
            top_k=self.number, logprobs=self.boolean, top_logprobs=self.number,
            stop=self._one(self.text, self._list(self.text)),
            stream=self.boolean, stream_options=self._made(include_usage=self.boolean), tools=self._list(self.tool),
            tool_choice=self._one(
                self.word("auto", "none", "required", "any"),
                lambda: self._full({"type": self.word("function"), "function": self._made(name=self.text)}),
            ),
            parallel_tool_calls=self.boolean, response_format=self.response_format, enable_thinking=self.boolean,
            thinking_budget=self.number, reasoning_effort=self.text,
            thinking=self._made(type=self.word("enabled", "disabled", "adaptive"), budget_tokens=self.number),
            reasoning=self._made(effort=self.text, enabled=self.boolean, max_tokens=self.number),
            chat_template_kwargs=self._made(enable_thinking=self.boolean), enable_search=self.boolean,
            search_options=self.anything, web_search_options=self.anything,
            conversation=self._made(chat_id=self.text, parent_message_id=self.text, ephemeral=self.boolean),
            logit_bias=self._map(self.number), metadata=self._map(self.text), user=self.text, service_tier=self.text,
        )  # fmt: skip

    def message(self) -> Json:
        return self._object(
            role=self.word("system", "developer", "user", "assistant", "tool", "function", "critic"),
            content=self._one(self.text, self._list(self.part)), reasoning_content=self.text, reasoning=self.text,
            tool_calls=self._list(self.tool_call), tool_call_id=self.text, name=self.text, refusal=self.text,
            annotations=self._list(self.annotation),
            audio=self._made(id=self.text, data=self.text, transcript=self.text, expires_at=self.number),
        )  # fmt: skip

    def part(self) -> Json:
        holds = {
            "text": self.text,
            "refusal": self.text,
            "image_url": self._made(url=self.media, detail=self.text),
            "input_audio": self._made(data=self.media, format=self.text),
            "video_url": self._made(url=self.media),
            "video": self._one(self.media, self._list(self.media)),
            "file": self._made(file_data=self.media, file_id=self.text, filename=self.text),
        }
        word = self._random.choice(list(holds))
        return self._full({"type": self.word(word), word: holds[word]}, fps=self.number, cache_control=self.anything)

    def tool(self) -> Json:
        function = self._made(name=self.text, description=self.text, parameters=self.anything, strict=self.boolean)
        return self._full({"type": self.word("function", "web_search"), "function": function})

    def tool_call(self) -> Json:
        function = self._full({"name": self.text, "arguments": self.text})
        return self._full({"id": self.text, "type": self.word("function"), "function": lambda: function})

    def response_format(self) -> Json:
        schema = self._made(name=self.text, description=self.text, schema=self.anything, strict=self.boolean)
        return self._object(type=self.word("text", "json_object", "json_schema", "grammar"), json_schema=schema)

    def annotation(self) -> Json:
        citation = self._made(url=self.text, title=self.text, start_index=self.number, end_index=self.number)
        return self._full({"type": self.word("url_citation", "file_citation"), "url_citation": citation})

    def response(self) -> Json:
        return self._object(
            id=self.text, object=self.word("chat.completion"), created=self.number, model=self.text,
            choices=self._list(self.choice), usage=self.usage, system_fingerprint=self.text, service_tier=self.text,
            conversation=self._made(chat_id=self.text, message_id=self.text),
        )  # fmt: skip

    def embeddings_request(self) -> Json:
        return self._object(
            model=self.text, input=self._one(self.text, self._list(self.text), self._list(self.number)),
            dimensions=self.number, user=self.text, encoding_format=self.word("float", "base64"),
        )  # fmt: skip

    def embeddings(self) -> Json:
        counted = self._made(prompt_tokens=self.number, completion_tokens=self.number, total_tokens=self.number)
        return self._object(object=self.word("list"), data=self._list(self.embedding), model=self.text, usage=counted)

    def embedding(self) -> Json:
        # Other numbers than these lose digits; this is the one thing that the law does not promise.
        numbers = self._random.choices([0, 1, -2.5, 0.25, 2**-20, 3.0, 2**24, 2.0**127], k=self._random.randrange(4))
        vector = self._random.choice([numbers, numbers, numbers, "AAAAPw==", [True], {}])
        return {**self._object(object=self.word("embedding"), index=self.number), "embedding": vector}

    def choice(self) -> Json:
        return self._object(
            index=self.number, message=self.message, finish_reason=self.word("stop", "length", "tool_calls", "odd"),
            logprobs=self._made(content=self._list(self.token), refusal=self._list(self.token)),
        )  # fmt: skip

    def token(self) -> Json:
        return self._object(
            token=self.text, logprob=self.number, bytes=self._list(self.number), top_logprobs=self._list(self.token)
            if self._random.random() < 0.3 else self.anything,
        )  # fmt: skip

    def usage(self) -> Json:
        return self._object(
            prompt_tokens=self.number, completion_tokens=self.number, total_tokens=self.number, estimated=self.boolean,
            prompt_tokens_details=self._made(cached_tokens=self.number),
            completion_tokens_details=self._made(reasoning_tokens=self.number),
        )  # fmt: skip

    def text(self) -> Json:
        return self._random.choice(TEXTS)

    def media(self) -> Json:
        return self._random.choice(MEDIA if self._random.random() < 0.8 else TEXTS)

    def number(self) -> Json:
        return self._random.choice(NUMBERS)

    def boolean(self) -> Json:
        return self._random.random() < 0.5

    def word(self, *words: str) -> Callable[[], Json]:
        return lambda: self._random.choice(words)

    def anything(self, depth: int = 0) -> Json:
        kind = self._random.randrange(9 if depth < 4 else 6)
        if kind >= 7:
            return {self.text(): self.anything(depth + 1) for _ in range(self._random.randrange(4))}
        if kind == 6:
            return [self.anything(depth + 1) for _ in range(self._random.randrange(4))]
        return self._random.choice([self.text, self.number, self.boolean, lambda: None, dict, list])()

    def _object(self, **members: Callable[[], Json]) -> Json:
        picked = self._random.sample(sorted(members), self._random.randint(0, min(len(members), 9)))
        return self._full({name: members[name] for name in picked})

    def _full(self, members: dict[str, Callable[[], Json]], **rare: Callable[[], Json]) -> Json:
        made = {name: self._spoiled(make) for name, make in members.items() if self._random.random() > 0.02}
        made |= {name: self._spoiled(make) for name, make in rare.items() if self._random.random() < 0.1}
        if self._random.random() < 0.06:
            made[self._random.choice(WORDS)] = self.anything()
        return made

    def _spoiled(self, make: Callable[[], Json]) -> Json:
        return self.anything() if self._random.random() < 0.04 else make()

    def _made(self, **members: Callable[[], Json]) -> Callable[[], Json]:
        return lambda: self._object(**members)

    def _one(self, *makers: Callable[[], Json]) -> Callable[[], Json]:
        return lambda: self._random.choice(makers)()

    def _list(self, make: Callable[[], Json]) -> Callable[[], Json]:
        return lambda: [self._spoiled(make) for _ in range(self._random.choice((0, 1, 1, 2, 3)))]

    def _map(self, make: Callable[[], Json]) -> Callable[[], Json]:
        return lambda: {self.text(): self._spoiled(make) for _ in range(self._random.randrange(4))}
