"""The command `qwen-grpc`."""

from qwen_grpc.cli import app


def main() -> None:
    """Runs the command line."""
    app()


if __name__ == "__main__":
    main()
