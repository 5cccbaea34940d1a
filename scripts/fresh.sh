#!/usr/bin/env bash
# Fails when generated files differ from what their sources give.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
cp -r qwen_grpc/v1 qwen_grpc/typed "$kept"
scripts/generate.sh > /dev/null 2>&1
for tree in v1 typed; do
    if ! diff -r -x __pycache__ "$kept/$tree" "qwen_grpc/$tree"; then
        echo "qwen_grpc/$tree is stale: run \`make proto\` and commit the result" >&2
        exit 1
    fi
done
.venv/bin/python scripts/tables.py --check
