"""The description of the REST API is valid, whole, and true."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from support import House, bearer, open_house

from rest_shim.openapi.document import document
from rest_shim.openapi.operations import OPERATIONS
from rest_shim.routes import ROUTES

# For each operation.
EXAMPLES = 12
CHECKS = [not_a_server_error, response_schema_conformance]


def test_the_description_is_valid() -> None:
    validate(document(ROUTES))


def test_every_endpoint_is_described_and_nothing_else() -> None:
    assert sorted(route.serve.__name__ for route in ROUTES) == sorted(OPERATIONS)


@pytest.mark.asyncio
async def test_the_page_shows_every_endpoint_and_needs_nothing_from_elsewhere(house: House) -> None:
    told = (await house.http.get("/openapi.json")).json()
    page = await house.http.get("/docs")

    assert page.headers["content-type"].startswith("text/html")
    assert [path for path in told["paths"] if f"<code>{path}</code>" not in page.text] == []
    assert "http:" not in page.text
    assert "https:" not in page.text
    assert "<script" not in page.text


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.timeout(120)
async def test_no_request_makes_it_fail_or_answer_beside_its_description() -> None:
    async with open_house(qwen_video_poll=0.05) as house:
        schema = schemathesis.openapi.from_dict((await house.http.get("/openapi.json")).json())
        schema.config.base_url = house.rest
        for result in schema.get_all_operations():
            await asyncio.to_thread(try_out, result.ok())


def name_the_model(case: Any) -> None:
    """A model that there is: no request would come further with any other."""
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = "qwen-max"
    if "model_id" in case.path_parameters:
        case.path_parameters["model_id"] = "qwen-max"


def try_out(operation: Any) -> None:
    """Sends the operation what its description allows, and holds the answers against it."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        name_the_model(case)
        case.call_and_validate(headers=bearer(), checks=CHECKS, timeout=20)

    ask()
