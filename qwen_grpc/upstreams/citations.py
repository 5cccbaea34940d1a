"""Marks in a text that cite pages by their numbers, as annotations."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from qwen_grpc.v1.chat_pb2 import Annotation

Span = tuple[int, int]


class Page(Protocol):
    """A page that was found."""

    @property
    def url(self) -> str | None:
        """Its address."""

    @property
    def title(self) -> str | None:
        """Its title, if it is told."""


def cited(text: str, mark: re.Pattern[str]) -> list[tuple[int, Span]]:
    """The numbers in the marks of a text, in order. The first group of `mark` is a number, or several with commas."""
    return [(int(number), match.span()) for match in mark.finditer(text) for number in match[1].split(",")]


def annotations(
    text: str, mark: re.Pattern[str], pages: Mapping[int, Page], unnumbered: Sequence[Page] = ()
) -> list[Annotation]:
    """The citations in order of the text; when nothing is cited, all pages at its end."""
    found = [(pages[number], span) for number, span in cited(text, mark) if number in pages]
    if not found:
        known = [page for _, page in sorted(pages.items())] or unnumbered
        once = {page.url: page for page in known}
        found = [(page, (len(text), len(text))) for page in once.values()]
    return [_annotation(page, span) for page, span in found]


def _annotation(page: Page, span: Span) -> Annotation:
    citation = Annotation.UrlCitation(url=page.url, title=page.title, start_index=span[0], end_index=span[1])
    return Annotation(url_citation=citation)
