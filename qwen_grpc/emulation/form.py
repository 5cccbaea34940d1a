"""The form that an answer has to have: how it is asked for in words, and whether an answer has it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qwen_grpc.errors import InvalidParameter, Unsupported
from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.schemas import LeadsNowhere, TooManyReferences, errors_of
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, ResponseFormat

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

FORMS = (ResponseFormat.TYPE_JSON_OBJECT, ResponseFormat.TYPE_JSON_SCHEMA)
SCHEMA_PATH = "response_format.json_schema.schema"

HEAD = "# Form of the answer"
OBJECT = "Answer with one JSON object"
SCHEMA = "Answer with JSON that follows the JSON Schema below"
NOTHING_ELSE = "and with nothing else: no words before or behind it, and no code block."
AFTER_CALLS = "This is the form of the last answer: where you call a function, write the call and nothing else."
AGAIN = "That answer is not in the form that was asked for: {complaint}\nGive the whole answer again, corrected."
MAX_QUOTE = 300

FENCE = "```"
_fence = re.compile(rf"{FENCE}(?:json[0-9a-z]*)?[ \t]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with an answer: for its model, with what it wrote, and for others, without."""

    quoting: str
    plain: str


@dataclass(frozen=True, slots=True)
class Form:
    """A JSON object, or JSON that follows a schema, which is the text of one."""

    schema: str = ""
    description: str = ""
    after_calls: bool = False

    def told(self) -> str:
        """The instruction for a model."""
        what = f"{SCHEMA if self.schema else OBJECT}, {NOTHING_ELSE}"
        lines = [HEAD, "", what, *([AFTER_CALLS] if self.after_calls else []), self.description, self.schema]
        return "\n".join(line for at, line in enumerate(lines) if line or at == 1)

    def correction(self, complaint: Complaint) -> str:
        """What is said to a model whose answer had another form."""
        return f"{AGAIN.format(complaint=complaint.quoting)}\n\n{self.told()}"

    def complaint(self, text: str) -> Complaint | None:
        """What is wrong with an answer; None when nothing is.

        Takes about a millisecond, and much longer for a schema that means to:
        call it in a thread. Raises `InvalidParameter` for a schema that cannot
        be followed.
        """
        try:
            value = load(text)
        except ValueError as error:
            return Complaint(f"it is no JSON ({str(error)[:MAX_QUOTE]}).", "it is no JSON")
        if self.schema:
            return self._breaks(value)
        return None if isinstance(value, dict) else Complaint("it is no JSON object.", "it is no JSON object")

    def _breaks(self, value: Any) -> Complaint | None:
        try:
            errors = errors_of(self.schema, value)
        except (LeadsNowhere, TooManyReferences) as error:
            lost = isinstance(error, LeadsNowhere)
            why = "leads nowhere within the schema" if lost else "is followed without an end in sight"
            raise InvalidParameter(f"{SCHEMA_PATH} has a $ref that {why}", field=SCHEMA_PATH) from None
        except RecursionError:
            return Complaint("it is nested too deeply.", "it is nested too deeply")
        return Complaint("\n".join(map(_quoting, errors)), _plain(errors[0])) if errors else None


def wants_form(request: CompleteChatRequest) -> bool:
    """Whether a request demands a form."""
    return request.response_format.type in FORMS


def form_of(request: CompleteChatRequest) -> Form:
    """The form that a request demands. Raises `Unsupported` for what cannot be had together with it."""
    if request.stop:
        text = "stop cannot be had with response_format here: a stop text would cut the JSON; leave one of the two away"
        raise Unsupported(text, field="stop")
    if request.n > 1:
        raise Unsupported("n above 1 cannot be had with response_format here: send the request again", field="n")
    wanted = request.response_format.json_schema
    if '"patternProperties"' in wanted.schema_json:
        text = f"{SCHEMA_PATH}: patternProperties cannot be checked here: name the properties"
        raise Unsupported(text, field=SCHEMA_PATH)
    return Form(wanted.schema_json, wanted.description, bool(request.tools))


def unfenced(text: str) -> str:
    """The answer without white space around it, and without a code block that it all stands in."""
    text = text.strip()
    opening = _fence.match(text)
    if opening is None or not text.endswith(FENCE, opening.end()):
        return text
    return text[opening.end() : -len(FENCE)].strip()


def _quoting(error: "ValidationError") -> str:
    return f"at {error.json_path}: {error.message[:MAX_QUOTE]}."


def _plain(error: "ValidationError") -> str:
    return f"{error.json_path[:MAX_QUOTE]} breaks the schema's {error.validator}"
