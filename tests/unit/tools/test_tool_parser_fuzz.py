"""100,000 answers, cut and spoiled at random: nothing leaks, nothing is lost, nothing breaks, in linear time."""

import random
import re

import pytest
from transcripts import SCRAPS, Transcripts, read

from qwen_grpc.tools.parser import ToolParser

CASES = 12_500
TAG = re.compile("</?tool_call>")
# Every character is looked at as text, as part of a call, in the call as a whole, and again when it was none.
LOOKS = 6


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("seed", range(4))
def test_every_call_is_found_and_every_word_is_told_however_the_answer_is_cut(seed: int) -> None:
    transcripts = Transcripts(seed)
    for _ in range(CASES):
        made = transcripts.whole()
        content, calls = read(*transcripts.pieces(made.text))
        assert calls == made.calls, made.text
        assert squeezed(content) == squeezed("".join(made.said)), made.text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("seed", range(4, 8))
def test_a_spoiled_answer_leaks_no_tag_and_loses_no_word_however_it_is_cut(seed: int) -> None:
    transcripts = Transcripts(seed)
    for _ in range(CASES):
        text = transcripts.spoiled()
        content, calls = read(*transcripts.pieces(text))
        assert (content, calls) == read(text), text
        assert TAG.search(content) is None or "`" in text, text
        if not calls and "`" not in text:
            assert squeezed(content) == squeezed(TAG.sub("", text)), text


def work(text: str, size: int) -> float:
    """How often each character was looked at."""
    parser = ToolParser()
    for at in range(0, len(text), size):
        parser.feed(text[at : at + size])
    parser.finish()
    return parser.looked_at / len(text)


HOSTILE = [
    "<tool_call>", "</tool_call>", "<tool_call>{", '<tool_call>{"', '<tool_call>{"</tool_call>', "<tool_call>{[", "<",
    '<tool_call>{"name":"f"}</tool_call>', '<tool_call>{"\n</tool_call>', '<tool_call>{"a":"\\"', "{", '"', "\\", " ",
    "<tool_call> ", "<tool_call>{},", '{"name":"f"}', '<tool_call>{"name":"f","arguments":{"a":[', "}", "```\n", "`",
    '<tool_call>{""', '<tool_call>{"\\', '<tool_call>{"a"</tool_call>"', '<tool_call>{"\n', ",", "<tool_call>{,",
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("head", ["", '<tool_call>{"name":"f","arguments":{"a":"', "<tool_call>{"])
def test_the_work_grows_with_the_text_and_no_faster(head: str, size: int) -> None:
    looks = {unit: work(head + unit * (8_000 // len(unit)), size) for unit in HOSTILE}
    assert {unit: many for unit, many in looks.items() if many > LOOKS} == {}


@pytest.mark.parametrize("seed", range(4))
def test_no_mixture_of_hostile_pieces_makes_more_work(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        few = chance.sample([*HOSTILE, *SCRAPS], k=chance.randrange(2, 6))
        text = "".join(chance.choices(few, k=600))
        assert work(text, chance.choice((7, 100, 1 << 20))) <= LOOKS, few
