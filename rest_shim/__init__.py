"""The OpenAI-compatible REST and SSE door in front of the gRPC services."""
