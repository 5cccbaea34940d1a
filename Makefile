.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-engine test-clients test-all check fix proto golden docs load soak bench bench-quick bench-gate bench-peers image clean lock

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
GENERATORS := .venv-proto/.ready
ENGINE := .venv-engine/.ready
CLIENTS := .venv-clients/.ready
PEERS := .venv-peers/.ready

help: ## Print this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(READY) ## Make the virtual environment with the locked dependencies.

$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(GENERATORS): requirements/proto.txt
	$(PYTHON) -m venv .venv-proto
	.venv-proto/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/proto.txt
	@touch $@

demo: $(READY) ## Run simulator and gateway, and print three commands to try.
	$(BIN)/qwen-grpc demo

serve: $(READY) ## Run the gateway with the settings of the environment.
	$(BIN)/qwen-grpc serve

test: $(READY) ## Run all tests.
	$(BIN)/pytest -n 2 --dist loadgroup

test-all: test test-clients ## Run these and those with clients of others, as CI does.

test-engine: $(READY) $(ENGINE) ## Run the tests with a real engine; it is compiled first, which takes minutes.
	QWEN_E2E_ENGINE=$(CURDIR)/.venv-engine/bin/python $(BIN)/pytest tests/integration/test_real_engine.py

$(ENGINE): requirements/engine.txt
	$(PYTHON) -m venv .venv-engine
	CMAKE_ARGS="-DGGML_NATIVE=OFF" .venv-engine/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/engine.txt
	@touch $@

test-clients: $(READY) $(CLIENTS) ## Run the tests with clients of others; those are installed first.
	$(BIN)/pytest -n 2 tests/clients

$(CLIENTS): requirements/clients.txt tests/clients/js/package-lock.json
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/clients.txt
	PYTHONPATH=tests $(BIN)/python tests/clients/install.py
	@touch $@

check: $(READY) $(GENERATORS) ## Format, lint, types, import rules, proto rules, generated files; fails on any difference.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking proto --against proto/base.binpb --config buf.yaml
	scripts/fresh.sh

fix: $(READY) ## Format, and mend what can be mended by itself.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

proto: $(READY) $(GENERATORS) ## Write the generated code from proto/.
	scripts/generate.sh

golden: $(READY) ## Write the expected halves of the golden cases anew.
	GOLDEN=write $(BIN)/pytest -q -p no:randomly tests/golden

docs: $(READY) ## Write the tables in README and docs anew.
	$(BIN)/python scripts/tables.py

load: $(READY) ## Prove what load does: memory, pace, leaving, slow readers, a storm; some minutes.
	PYTHONPATH=.:tests $(BIN)/python -m load

soak: $(READY) ## Ten minutes of mixed traffic with faults; memory is flat and nothing is left.
	PYTHONPATH=.:tests $(BIN)/python -m load.soak --minutes 10

bench: $(READY) ## Measure cost, latency and memory beside others; takes twenty minutes.
	$(BIN)/python -m benchmarks

bench-quick: $(READY) ## Measure one round of the main systems.
	$(BIN)/python -m benchmarks --quick --rounds 1

bench-gate: $(READY) ## Fail if the gateway has become clearly dearer than a plain proxy, or loses a delta.
	$(BIN)/python -m benchmarks.gate

bench-peers: $(PEERS) ## Install the gateways of others that `make bench` compares with.

$(PEERS): requirements/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@

image: ## Build the container image.
	docker build -t qwen-grpc .

lock: $(READY) ## Lock the dependencies anew.
	scripts/lock.sh

clean: ## Remove what the targets above made.
	rm -rf .venv .venv-proto .venv-engine .venv-clients .venv-peers benchmarks/build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build dist
