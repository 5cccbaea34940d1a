"""Web search sources, and the marks `[[n]]` that cite them."""

import re
from collections.abc import Mapping

from msgspec import Raw

from qwen_grpc.upstreams.chat_qwen_ai.wire import (
    Page,
    References,
    ResearchStep,
    SearchExtra,
    ToolResult,
    part,
    said,
)
from qwen_grpc.upstreams.citations import annotations, cited
from qwen_grpc.v1.chat_pb2 import Annotation

_mark = re.compile(r"\[\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]\]")


class Sources:
    """The numbered pages of an answer, and those that research read without giving them a number."""

    def __init__(self) -> None:
        self.pages: dict[int, Page] = {}
        self._read: list[Page] = []

    def add(self, extra: SearchExtra) -> None:
        """Learns the pages of a search event.

        Numbers come from `tool_result`, whose `used_id` is the next free one;
        streams without it number the new pages in the order in which they came.
        """
        if said(extra.deep_research):
            self._add_research(extra.deep_research)
        result = part(extra.tool_result, ToolResult)
        pages = result.docs or extra.web_search_info
        first = max(self.pages, default=0) + 1
        if result.used_id is not None:
            first = result.used_id - len(pages)
        else:
            known = {None, "", *(page.url for page in self.pages.values())}
            pages = [page for page in pages if page.url not in known]
        self.pages |= {number: page for number, page in enumerate(pages, first) if page.url}

    def _add_research(self, raw: Raw) -> None:
        # The numbers in a report are those of its references, and no others.
        for step in part(raw, list[ResearchStep]):
            self._read += [page for page in step.pages if page.url]
        for reference in part(raw, References).references:
            if reference.url and reference.index_number:
                self.pages[reference.index_number] = Page(reference.url, reference.title)

    def learn(self, pages: Mapping[int, Page]) -> None:
        """Fills in pages that only the stored chat tells."""
        self.pages = {**pages, **self.pages}

    def unknown(self, text: str) -> bool:
        """Whether the text cites a number that no event explained."""
        return any(number not in self.pages for number, _ in cited(text, _mark))

    def annotations(self, text: str) -> list[Annotation]:
        """The citations in order of the text; when nothing is cited, all pages at its end."""
        return annotations(text, _mark, self.pages, self._read)
