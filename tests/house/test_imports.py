"""Who may import whom, and that importing does nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from source_tree import PRODUCT, ROOT, functions, module_name, name_of, parsed, sources

# Methods that change a list, a dict or a set in place.
CHANGES = {"append", "add", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}

# Imports that only a function makes, and that lead back; each with its reason.
# What holds a port, a connection, a loop or a thread has to be opened by whoever puts the program together.
IMPORT_EVERYTHING = """
import asyncio, gc, importlib, pkgutil, threading, warnings
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sanic")
for package in ("qwen_grpc", "rest_shim"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(found.name)
import aiohttp, grpc, httpx, sanic
kinds = (
    asyncio.AbstractEventLoop, asyncio.Event, asyncio.Future, asyncio.Lock, asyncio.Queue, asyncio.Semaphore,
    aiohttp.ClientSession, aiohttp.BaseConnector, grpc.aio.Channel, grpc.aio.Server, grpc.Channel, httpx.AsyncClient,
    httpx.Client, sanic.Sanic,
)
made = sorted({type(one).__name__ for one in gc.get_objects() if issubclass(type(one), kinds)})
threads = sorted(one.name for one in threading.enumerate() if one is not threading.main_thread())
assert made + threads == [], made + threads
"""


def test_the_layers_hold() -> None:
    done = run(str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache")
    assert done.returncode == 0, f"move the import, or the code it needs, along the layers:\n{done.stdout}"


def test_importing_everything_warns_of_nothing_and_opens_nothing() -> None:
    done = run(sys.executable, "-c", IMPORT_EVERYTHING)
    assert (done.returncode, done.stderr) == (0, ""), "open it in an async context manager, not while a module loads"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


def test_no_function_changes_what_a_module_holds() -> None:
    changed = [f"{name_of(path)}: {name}" for path in sources(*PRODUCT) for name in sorted(state_of(parsed(path)))]
    assert changed == [], f"pass {changed} in from where the program is put together, instead of keeping it in a module"


def test_state_of_a_module_is_found_however_it_is_changed() -> None:
    held = "a, c, e = [], {}, 0\nb = set()\nd = {}\n"
    code = f"{held}def f(d):\n a.append(1)\n c['k'] = 1\n global e\n e += 1\n d['k'] = 2"
    assert state_of(ast.parse(code)) == {"a", "c", "e"}


def state_of(module: ast.Module) -> set[str]:
    """The module's names that its functions rebind or change in place."""
    held = {name.id for one in module.body for name in ast.walk(one) if is_bound(one) and _is_stored(name)}
    changed = set()
    for function in ast.walk(module):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            changed |= set(_changes(function)) - _own_names(function)
    return held & changed


def is_bound(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _own_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    shared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    bound = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and _is_stored(node)}
    return ({one.arg for one in ast.walk(function) if isinstance(one, ast.arg)} | bound) - shared


def _changes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Global(names=names):
                yield from names
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in CHANGES:
                yield name
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case _:
                pass


def test_no_two_modules_need_each_other() -> None:
    assert sorted(circles(imports(lazy=False))) == [], "move what both need into a module below both"


def test_no_function_hides_a_circle_in_its_own_import() -> None:
    arrows = imports(lazy=True)
    assert sorted(circles(arrows)) == [], "pass the thing in, or move it below both"


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == {"a", "b", "c"}


def circles(arrows: dict[str, set[str]]) -> set[str]:
    """The modules that reach themselves."""
    return {module for module in arrows if module in reached(arrows, module)}


def reached(arrows: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = set(arrows.get(start, ()))
    while ahead:
        module = ahead.pop()
        seen.add(module)
        ahead |= arrows.get(module, set()) - seen
    return seen


def imports(*, lazy: bool) -> dict[str, set[str]]:
    """Which module of ours imports which; `lazy` counts what functions import too."""
    known = {module_name(path): path for path in sources(*PRODUCT)}
    return {name: set(targets(path, known, lazy=lazy)) - {name} for name, path in known.items()}


def targets(path: Path, known: dict[str, Path], *, lazy: bool) -> Iterator[str]:
    hidden = {id(node) for one in functions(path) for node in ast.walk(one)}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and (lazy or id(node) not in hidden):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` needs the module; the face of its own package is loaded anyhow.
            yield from (inner & known.keys()) or ({node.module} & known.keys())
        elif isinstance(node, ast.Import) and (lazy or id(node) not in hidden):
            yield from {alias.name for alias in node.names} & known.keys()
