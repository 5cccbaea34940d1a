#!/usr/bin/env bash
# Locks the dependencies with hashes, for every platform and Python from 3.11 on.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile="$uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header"
$compile pyproject.toml -o requirements/runtime.txt
$compile pyproject.toml --extra typed --extra count --extra otel --group test --group check --group bench -c requirements/runtime.txt -o requirements/dev.txt
$compile requirements/proto.in -o requirements/proto.txt
$compile requirements/engine.in -o requirements/engine.txt
$compile requirements/clients.in -o requirements/clients.txt
$compile requirements/peers.in -o requirements/peers.txt
