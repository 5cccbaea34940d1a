"""Reads what a gateway tells of itself at its metrics port."""

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

# A family's own time of birth, which the client library adds.
BIRTH = "_created"


class Scrape:
    """One scrape: its samples by name and labels, and its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.kinds: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            self.kinds[family.name] = family.type
            for sample in family.samples:
                if not sample.name.endswith(BIRTH):
                    self.samples[sample.name, frozenset(sample.labels.items())] = sample.value

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {name for name, _ in self.samples}

    def of(self, name: str, **labels: str) -> float | None:
        """One value; None when it is not there."""
        return self.samples.get((name, frozenset(labels.items())))

    def table(self, name: str) -> dict[tuple[str, ...], float]:
        """All values of a name that are not 0, by the values of its labels in the order of the labels' names."""
        found: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = self.samples
        return {
            tuple(value for _, value in sorted(labels)): number
            for (one, labels), number in found.items()
            if one == name and number
        }


def url_of(port: int | None) -> str:
    """Where the metrics of a gateway are."""
    assert port is not None
    return f"http://127.0.0.1:{port}/metrics"


async def scrape(port: int | None) -> Scrape:
    """What the port says now."""
    async with httpx.AsyncClient(timeout=10) as http:
        reply = await http.get(url_of(port))
    assert reply.status_code == 200
    return Scrape(reply.text)
