"""`qwen-grpc serve` that tells its tasks: for each line on standard input, one line of JSON on standard output."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from qwen_grpc.cli.gateway import run_gateway
from qwen_grpc.cli.running import run
from qwen_grpc.cli.source import Source


def tell() -> None:
    """Writes how many tasks there are, by the names of their coroutines."""
    sys.stdin.readline()
    names = (getattr(task.get_coro(), "__qualname__", "unknown") for task in asyncio.all_tasks())
    print(json.dumps(Counter(names)), flush=True)


async def main() -> None:
    """The gateway, watched."""
    source = Source(Path("gateway.toml"), {"grpc_port": 0}, {"port": 0})
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), tell)
    await run_gateway(source.load(), source)


if __name__ == "__main__":
    run(main())
