"""What the clients are installed from."""

import json

import pytest
from verified import CLIENTS, NODE_LOCK, Client


def test_the_lock_of_npm_names_exact_versions_and_no_places() -> None:
    packages = json.loads(NODE_LOCK.read_text(encoding="utf-8"))["packages"]
    wanted = json.loads(NODE_LOCK.with_name("package.json").read_text(encoding="utf-8"))["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    foreign = {path for path, package in packages.items() if path and "integrity" not in package}
    assert (foreign, [path for path, package in packages.items() if "resolved" in package]) == (set(), [])


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
def test_every_client_has_a_version(client: Client) -> None:
    assert client.version[0].isdigit()
