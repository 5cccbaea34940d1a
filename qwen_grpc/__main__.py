"""The command `qwen-grpc`."""

import signal
from typing import Any, NoReturn


def main() -> None:
    """Runs the command line."""
    # The first process of a container would not notice the signal before the command listens to it.
    signal.signal(signal.SIGTERM, _end)
    from qwen_grpc.cli import app

    app()


def _end(number: int, _: Any) -> NoReturn:
    """Ends as a signal ends a process that has done nothing yet."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
