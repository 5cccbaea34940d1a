#!/bin/sh
# Calls the gRPC server without any code of ours: buf learns the contract by reflection.
set -eu
demo_credential() {
  .venv/bin/python -c 'from qwen_grpc.cli.demo import demo_credential; print(demo_credential())'
}
url=http://${QWEN_GRPC_TARGET:-127.0.0.1:50051}
key=${OPENAI_API_KEY:-$(demo_credential)}

.venv/bin/buf curl --http2-prior-knowledge --protocol grpc --list-methods "$url"
.venv/bin/buf curl --http2-prior-knowledge --protocol grpc \
  -H "authorization: Bearer $key" \
  -d '{"model": "qwen-max", "messages": [{"role": "ROLE_USER", "content": "Hello from buf"}]}' \
  "$url/qwen.v1.ChatService/StreamChat"
