"""The dashboard, the alerts and the page about metrics know no metric that a gateway does not tell."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from operated import TEAM_A, configured, operated, sessions, web
from scraping import Scrape, scrape

from qwen_grpc.telemetry.definitions import ALL, Kind

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/qwen-grpc.json"
RULES = ROOT / "deploy/prometheus/qwen-grpc.rules.yml"
# What Prometheus itself adds to each sample.
ADDED = {"job", "instance", "le"}
# A metric with what is selected of it, and what is summed up by.
SELECTED = re.compile(r"\b((?:qwen_grpc|gen_ai|process)_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def panels() -> list[Any]:
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def rules() -> list[Any]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """All queries, each with where it stands."""
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"][1:]:
        yield variable["name"], variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0]


def wrong_with(query: str, labels: dict[str, set[str]]) -> list[str]:
    """Names in a query that no sample of the scrape has."""
    unknown = []
    for name, selected in SELECTED.findall(GROUPED.sub("", query)):
        if name not in labels:
            unknown.append(name)
            continue
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selected))
        unknown += sorted(used - labels[name] - ADDED)
    everything = set().union(*labels.values()) | ADDED
    for grouped in GROUPED.findall(query):
        unknown += sorted({one.strip() for one in grouped.split(",")} - everything)
    return unknown


def labels_of(found: Scrape) -> dict[str, set[str]]:
    """The labels of each name that a sample has."""
    known: dict[str, set[str]] = {}
    for name, labels in found.samples:
        known.setdefault(name, set()).update(label for label, _ in labels)
    return known


@pytest.mark.asyncio
async def test_every_query_asks_for_metrics_and_labels_that_a_live_scrape_has() -> None:
    def configure(simulator: Any) -> Any:
        return configured({"web": web(simulator)}, {"web": sessions(2)}, keys={TEAM_A: {}})

    async with operated(configure, metrics_port=0) as house:
        assert (await house.answer(TEAM_A, "Hello", stream=True)).status_code == 200
        assert (await house.answer(TEAM_A, "[[sim:http_429]]")).status_code == 429
        found = labels_of(await scrape(house.gateway.server.metrics_port))
    wrong = {where: unknown for where, query in expressions() if (unknown := wrong_with(query, found))}
    assert wrong == {}


def test_an_unknown_metric_and_an_unknown_label_are_found() -> None:
    known = {"qwen_grpc_lanes": {"upstream", "state"}}
    query = 'sum by (lane) (qwen_grpc_lanes{stat="open", job="x"}) / qwen_grpc_lane{gen_ai_model="m"}'
    assert wrong_with(query, known) == ["stat", "qwen_grpc_lane", "lane"]
    assert wrong_with('sum by (state) (qwen_grpc_lanes{upstream=~"a"})', known) == []


def test_every_metric_is_on_the_dashboard() -> None:
    queries = " ".join(query for _, query in expressions())
    left_out = {"process_virtual_memory_bytes"}
    asked = {name.removesuffix("_bucket").removesuffix("_sum") for name, _ in SELECTED.findall(queries)}
    assert {one.name for one in ALL} - asked == left_out


def test_panels_lie_beside_each_other_and_have_numbers_of_their_own() -> None:
    every = json.loads(DASHBOARD.read_text())["panels"]
    assert len({one["id"] for one in every}) == len(every)
    taken = [
        (column, line)
        for one in every
        for column in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for line in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) == 23


def test_a_histogram_is_asked_for_by_its_buckets() -> None:
    histograms = {one.name for one in ALL if one.kind is Kind.HISTOGRAM}
    queries = [query for _, query in expressions()]
    assert not [query for query in queries for name, _ in SELECTED.findall(query) if name in histograms]


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert 5 <= len(rules()) <= 8
    for rule in rules():
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]
        assert rule["labels"].keys() == {"severity"}, rule["alert"]
    scraped = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    assert scraped["rule_files"] == [RULES.name]
