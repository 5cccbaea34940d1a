#!/bin/sh
# Streams an answer with curl: the server-sent events as they come.
set -eu
demo_credential() {
  .venv/bin/python -c 'from qwen_grpc.cli.demo import demo_credential; print(demo_credential())'
}
url=${OPENAI_BASE_URL:-http://127.0.0.1:8000/v1}
key=${OPENAI_API_KEY:-$(demo_credential)}

curl --no-buffer --silent --show-error --fail-with-body "$url/chat/completions" \
  -H "authorization: Bearer $key" \
  -H 'content-type: application/json' \
  -d '{"model": "qwen-max", "stream": true, "messages": [{"role": "user", "content": "Hello from curl"}]}'
