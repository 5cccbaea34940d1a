"""The items of a streamed answer while they grow.

Each is opened by its first piece and tells all of itself again when it is
closed, since some clients read nothing but the last word, and others nothing
but the pieces.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import Annotation, Choice, TokenLogprob, ToolCall
from rest_shim.responses import output
from rest_shim.responses.output import IN_PROGRESS
from rest_shim.responses.tape import Pieces, Tape


class Growing(Protocol):
    """An item of any kind."""

    @property
    def shown(self) -> JsonObject:
        """The item as far as it has come."""
        ...

    def tell(self, choice: Choice) -> None:
        """Adds what the item says to the answer as a message."""
        ...

    def close(self) -> None:
        """Tells the texts of the item as a whole."""
        ...


class Thinking:
    """A `reasoning` item, with one text as its content or as its summary."""

    def __init__(self, tape: Tape, index: int, id_: str, *, summary: bool) -> None:
        self._tape, self._id, self._summary = tape, id_, summary
        self._where = {"item_id": id_, "output_index": index, "summary_index" if summary else "content_index": 0}
        self._part = "response.reasoning_summary_part" if summary else "response.content_part"
        self._text = "response.reasoning_summary_text" if summary else "response.reasoning_text"
        self._said: list[str] = []
        tape.add("response.output_item.added", output_index=index, item=self._item(None) | {"status": IN_PROGRESS})
        tape.add(f"{self._part}.added", **self._where, part=self._shown_part(""))
        self._pieces = Pieces(tape, f"{self._text}.delta", **self._where)

    @property
    def shown(self) -> JsonObject:
        """The item as far as it has come."""
        return self._item("".join(self._said))

    def add(self, text: str) -> None:
        """The next piece."""
        self._said.append(text)
        self._pieces.add(text)

    def tell(self, choice: Choice) -> None:
        """Adds the thinking to the answer as a message."""
        choice.message.reasoning_content += "".join(self._said)

    def close(self) -> None:
        """Tells the thinking as a whole."""
        text = "".join(self._said)
        self._tape.add(f"{self._text}.done", **self._where, text=text)
        self._tape.add(f"{self._part}.done", **self._where, part=self._shown_part(text))

    def _item(self, text: str | None) -> JsonObject:
        return output.reasoning(self._id, text, summary=self._summary)

    def _shown_part(self, text: str) -> JsonObject:
        return {"type": "summary_text" if self._summary else "reasoning_text", "text": text}


class Text:
    """A part `output_text` of a message."""

    def __init__(self, tape: Tape, where: JsonObject) -> None:
        self._tape, self._where = tape, where
        self._said: list[str] = []
        self._notes: list[Annotation] = []
        self._tokens: list[TokenLogprob] = []
        tape.add("response.content_part.added", **where, part=output.text_part())
        self._pieces = Pieces(tape, "response.output_text.delta", **where, logprobs=[])

    @property
    def shown(self) -> JsonObject:
        """The part as far as it has come."""
        return output.text_part("".join(self._said), self._notes, self._tokens)

    def add(self, text: str, tokens: Iterable[TokenLogprob]) -> None:
        """The next piece, with the probabilities of its tokens if they are known."""
        self._said.append(text)
        if not tokens:
            self._pieces.add(text)
            return
        self._tokens += tokens
        kind = "response.output_text.delta"
        self._tape.add(kind, **self._where, delta=text, logprobs=output.logprobs(tokens))

    def note(self, note: Annotation) -> None:
        """A source that the text cites."""
        at, kind = len(self._notes), "response.output_text.annotation.added"
        self._tape.add(kind, **self._where, annotation_index=at, annotation=output.annotation(note))
        self._notes.append(note)

    def tell(self, choice: Choice) -> None:
        """Adds the text to the answer as a message."""
        choice.message.content = "".join(self._said)
        choice.message.annotations.extend(self._notes)
        if self._tokens:
            choice.logprobs.content.extend(self._tokens)

    def close(self) -> None:
        """Tells the part as a whole."""
        part = self.shown
        kind = "response.output_text.done"
        self._tape.add(kind, **self._where, text=part["text"], logprobs=part["logprobs"])
        self._tape.add("response.content_part.done", **self._where, part=part)


class Refusal:
    """A part `refusal` of a message."""

    def __init__(self, tape: Tape, where: JsonObject) -> None:
        self._tape, self._where = tape, where
        self._said: list[str] = []
        tape.add("response.content_part.added", **where, part=output.refusal_part())
        self._pieces = Pieces(tape, "response.refusal.delta", **where)

    @property
    def shown(self) -> JsonObject:
        """The part as far as it has come."""
        return output.refusal_part("".join(self._said))

    def add(self, text: str) -> None:
        """The next piece."""
        self._said.append(text)
        self._pieces.add(text)

    def tell(self, choice: Choice) -> None:
        """Adds the words of refusal to the answer as a message."""
        choice.message.refusal = "".join(self._said)

    def close(self) -> None:
        """Tells the part as a whole."""
        part = self.shown
        self._tape.add("response.refusal.done", **self._where, refusal=part["refusal"])
        self._tape.add("response.content_part.done", **self._where, part=part)


class Message:
    """A `message` item: text, or words of refusal, or both."""

    def __init__(self, tape: Tape, index: int, id_: str) -> None:
        self._tape, self._index, self._id = tape, index, id_
        self._text: Text | None = None
        self._refusal: Refusal | None = None
        self._parts: list[Text | Refusal] = []
        item = output.text_message(id_, ()) | {"status": IN_PROGRESS}
        tape.add("response.output_item.added", output_index=index, item=item)

    @property
    def shown(self) -> JsonObject:
        """The item as far as it has come."""
        return output.text_message(self._id, [part.shown for part in self._parts])

    def text(self) -> Text:
        """Its text, which is opened when it is first asked for."""
        if self._text is None:
            self._text = Text(self._tape, self._next_part())
            self._parts.append(self._text)
        return self._text

    def refusal(self) -> Refusal:
        """Its words of refusal, likewise."""
        if self._refusal is None:
            self._refusal = Refusal(self._tape, self._next_part())
            self._parts.append(self._refusal)
        return self._refusal

    def tell(self, choice: Choice) -> None:
        """Adds its parts to the answer as a message."""
        for part in self._parts:
            part.tell(choice)

    def close(self) -> None:
        """Tells its parts as a whole."""
        for part in self._parts:
            part.close()

    def _next_part(self) -> JsonObject:
        return {"item_id": self._id, "output_index": self._index, "content_index": len(self._parts)}


class Calling:
    """A `function_call` item."""

    def __init__(self, tape: Tape, index: int, response_id: str, number: int, call: ToolCall) -> None:
        self._tape = tape
        self._item = output.function_call(response_id, number, call)
        self._said: list[str] = []
        where: dict[str, Any] = {"item_id": self._item["id"], "output_index": index}
        self._where = where
        tape.add("response.output_item.added", output_index=index, item={**self._item, "status": IN_PROGRESS})
        self._pieces = Pieces(tape, "response.function_call_arguments.delta", **where)

    @property
    def shown(self) -> JsonObject:
        """The item as far as it has come."""
        return {**self._item, "arguments": "".join(self._said)}

    def add(self, arguments: str) -> None:
        """The next piece of the arguments."""
        self._said.append(arguments)
        self._pieces.add(arguments)

    def tell(self, choice: Choice) -> None:
        """Adds the call to the answer as a message."""
        item = self.shown
        choice.message.tool_calls.add(id=item["call_id"], name=item["name"], arguments=item["arguments"])

    def close(self) -> None:
        """Tells the arguments as a whole."""
        kind = "response.function_call_arguments.done"
        self._tape.add(kind, **self._where, name=self._item["name"], arguments=self.shown["arguments"])
