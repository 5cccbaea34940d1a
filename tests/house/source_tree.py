"""The project's own files, read for the house rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("qwen_grpc", "rest_shim")
ALL_CODE = (*PRODUCT, "scripts", "benchmarks", "examples", "tests")
GENERATED = ("qwen_grpc/v1", "qwen_grpc/typed")
# They imitate others and must know nothing of ours, so they say the others' words again.
IMITATION = ("qwen_grpc/simulator", "qwen_grpc/conform")
# Hidden folders are the environments' and the tools', but for these.
HIDDEN_AND_OURS = (".ci", ".github")
NOT_OURS = ("node_modules", "__pycache__", "build", "dist", "out")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def all_files() -> Iterator[Path]:
    """Every file of the project, generated or not."""
    yield from _files(ROOT)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not _skipped(path.name):
            yield from _files(path)
        elif path.is_file():
            yield path


def _skipped(name: str) -> bool:
    hidden = name.startswith(".") and name not in HIDDEN_AND_OURS
    return hidden or name in NOT_OURS or name.endswith(".egg-info")


def name_of(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(ROOT).as_posix()


def sources(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """The source files under some folders, without generated ones."""
    found = [path for path in all_files() if path.suffix in suffixes and name_of(path).startswith(folders)]
    return [path for path in found if not name_of(path).startswith(GENERATED)]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]


def module_name(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def literals(path: Path) -> Iterator[str]:
    """The texts that the code uses: comments and docstrings may mention what they like."""
    prose = {id(node.value) for node in ast.walk(parsed(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")
