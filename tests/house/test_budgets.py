"""How large things may grow. Generated code is not counted."""

import ast
from collections.abc import Iterator
from statistics import median

from source_tree import ALL_CODE, PRODUCT, Function, functions, name_of, sources

FILE_LINES = 400
FUNCTION_LINES = 60
NESTING = 3
MEDIAN_LINES = 10
CODE_SUFFIXES = (".py", ".sh", ".mjs", ".js", ".ts")

# What makes a reader keep a condition in mind. A `with` holds a resource and decides nothing.
DECISIONS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)
OTHER_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def test_a_file_fits_in_the_head() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in sources(*ALL_CODE, suffixes=CODE_SUFFIXES)}
    large = [f"{name_of(path)} ({count} lines)" for path, count in lines.items() if count > FILE_LINES]
    assert large == [], f"split {large} along what they are about, under {FILE_LINES} lines each"


def test_a_function_fits_on_a_screen() -> None:
    long = [f"{where} ({length(one)} lines)" for where, one in every_function() if length(one) > FUNCTION_LINES]
    assert long == [], f"give the parts of {long} names of their own, under {FUNCTION_LINES} lines each"


def test_a_function_nests_three_decisions_at_most() -> None:
    deep = [where for where, one in every_function() if depth(one) > NESTING]
    assert deep == [], f"return early in {deep}, or make the inner block a function"


def test_most_functions_are_small() -> None:
    middle = median(length(one) for path in sources(*PRODUCT) for one in functions(path))
    assert middle <= MEDIAN_LINES, f"the median function has {middle} lines: split some, under {MEDIAN_LINES}"


def test_the_depth_of_a_function_counts_decisions_and_takes_elif_for_one() -> None:
    flat = "def f():\n if a:\n  pass\n elif b:\n  pass\n else:\n  with c:\n   pass"
    deep = "def f():\n for a in b:\n  while c:\n   try:\n    pass\n   except D:\n    if e:\n     pass"
    assert [depth(ast.parse(text).body[0]) for text in (flat, deep)] == [1, 4]


def every_function() -> Iterator[tuple[str, Function]]:
    """All functions, each with the name to look for."""
    for path in sources(*ALL_CODE):
        for one in functions(path):
            yield f"{name_of(path)}: {one.name}", one


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def depth(node: ast.AST, level: int = 0) -> int:
    """How many decisions stand around the innermost statement of a function."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, OTHER_SCOPES):
            step = isinstance(child, DECISIONS) and not _is_elif(node, child)
            deepest = max(deepest, depth(child, level + step))
    return deepest


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]
