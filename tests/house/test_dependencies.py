"""What the product imports is what it says it needs: whoever installs it gets nothing of our test environment."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from source_tree import PRODUCT, ROOT, name_of, parsed, sources


def test_every_import_is_of_a_declared_dependency() -> None:
    declared, owners = declared_names(), packages_distributions()
    missing = sorted(
        {
            f"{where}: {package}"
            for where, package in imported_packages()
            if not {plain(owner) for owner in owners.get(package, [package])} & declared
        }
    )
    assert missing == [], f"add what brings {missing} to the dependencies in pyproject.toml, then `make lock`"


def test_an_import_within_a_function_counts_too() -> None:
    code = "import json\nfrom . import near\nimport a.b\ndef f():\n from c.d import e"
    assert list(packages_of(ast.parse(code))) == ["a", "c"]


def declared_names() -> set[str]:
    """All that a user can install: the dependencies and the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {plain(re.split(r"[\[<>=~! ;]", line)[0]) for line in lines}


def imported_packages() -> Iterator[tuple[str, str]]:
    for path in sources(*PRODUCT):
        for package in packages_of(parsed(path)):
            yield name_of(path), package


def packages_of(module: ast.Module) -> Iterator[str]:
    """The top names of what is imported from elsewhere."""
    for node in ast.walk(module):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in (name.partition(".")[0] for name in names):
            if name not in sys.stdlib_module_names and name not in PRODUCT:
                yield name


def plain(name: str) -> str:
    """A name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
