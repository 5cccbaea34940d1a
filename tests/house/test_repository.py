"""What is in the repository at all, and what must not be."""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.version import Version
from source_tree import ROOT, all_files, name_of

TARGETS = ("setup", "demo", "serve", "test", "test-all", "check", "fix", "proto", "golden", "docs", "bench", "image")

# Put together here, so that this file does not hold what it looks for.
FOREIGN_PATHS = re.compile(r"(?<![\w.~-])/(?:work|farm|home/\w+|Users/\w+|root)/" + r"|(?<![\w/.-])shared" + "/")
REGISTRIES = re.compile(r"https?://|index-url|find-links|trusted-host")
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[bp]-[0-9A-Za-z-]{20}"
    r"|\bsk-(?=[a-z-]*\w*\d)(?![\w-]*(?:0123|abcd|test|example))[A-Za-z0-9_-]{32,}"
)

# Files that Python runs at every start: of setuptools, of our own editable install, of virtualenv.
KNOWN_STARTERS = re.compile(r"distutils-precedence\.pth|__editable__\.qwen_grpc-.*\.pth|_virtualenv\.pth")

# Below these are known holes, or a behaviour that ours does not rely on.
FLOORS = {"grpcio": "1.65.4", "aiohttp": "3.13.3", "h2": "4.3.0", "sanic": "25.12.0", "httpx": "0.28.1"}

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
each_lock = pytest.mark.parametrize("lock", LOCKS, ids=name_of)


def texts() -> Iterator[tuple[str, str]]:
    """All files that hold text, by name."""
    for path in all_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield name_of(path), content.decode("utf-8", "replace")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    found = lines_with(FOREIGN_PATHS)
    assert found == [], f"say it relative to the project: {found}"


def test_no_file_holds_a_key() -> None:
    found = lines_with(SECRETS)
    assert found == [], f"revoke this key, then take it out of the history too: {found}"


def test_the_patterns_find_what_they_are_for() -> None:
    bad = ("see /wo" + "rk/main", "in sha" + "red/design.md", "/ho" + "me/ann/x", "/Us" + "ers/ann/x")
    fine = ("a framework/plugin", "https://host/work/x", "$HOME/work", "its-shared/x", "/v1/models")
    assert [bool(FOREIGN_PATHS.search(text)) for text in (*bad, *fine)] == [True] * len(bad) + [False] * len(fine)
    keys = ("AK" + "IA" + "A1" * 8, "gh" + "p_" + "a1" * 18, "sk" + "-proj-" + "Ab3" * 14)
    words = ("sk-your-key-here", "task-force", "sk-" + "0123456789abcdef" * 2)
    assert [bool(SECRETS.search(text)) for text in (*keys, *words)] == [True] * len(keys) + [False] * len(words)


@each_lock
def test_a_lock_names_no_registry(lock: Path) -> None:
    found = [line for line in lock.read_text(encoding="utf-8").splitlines() if REGISTRIES.search(line)]
    assert found == [], f"`make lock` with the public registry, so that {name_of(lock)} works everywhere"


@each_lock
def test_a_locked_requirement_has_hashes(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    entries = [line for line in lines if line and not line.lstrip().startswith("#")]
    bare = [entry for entry in entries if "--hash=sha256:" not in entry]
    assert bare == [], f"run `make lock`: {name_of(lock)} has requirements that anybody could replace"


@each_lock
def test_locked_versions_are_above_the_floors(lock: Path) -> None:
    pinned = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    old = [f"{name} {pinned[name]}" for name in FLOORS.keys() & pinned.keys() if is_old(name, pinned[name])]
    assert old == [], f"run `make lock`: {old} are below FLOORS"


def test_installed_versions_are_above_the_floors() -> None:
    installed = {one.name.lower(): one.version for one in distributions()}
    old = [f"{name} {installed[name]}" for name in FLOORS.keys() & installed.keys() if is_old(name, installed[name])]
    assert old == [], f"run `make setup`: {old} are below FLOORS"


def is_old(name: str, version: str) -> bool:
    return Version(version) < Version(FLOORS[name])


def test_nothing_unknown_runs_when_python_starts() -> None:
    starters = [path.name for path in Path(sysconfig.get_path("purelib")).glob("*.pth")]
    unknown = [name for name in starters if not KNOWN_STARTERS.fullmatch(name)]
    assert unknown == [], f"find out which package brought {unknown} before anything else is run here"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert records == listed, "name each record in docs/decisions/README.md, and none that does not exist"


def test_decisions_are_numbered_without_doubles() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))]
    assert len(numbers) == len(set(numbers)), f"two records share a number: {numbers}"


def test_make_alone_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    printed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout
    helped = {line.split()[0] for line in printed.splitlines()}
    phony = set(" ".join(re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE)).split())
    assert helped == phony, "give each target a `## help text`, and list it as .PHONY"
    assert {*TARGETS, "clean"} <= helped, "people and the README rely on these targets"


@pytest.mark.parametrize("dockerfile", sorted(ROOT.glob("Dockerfile*")), ids=name_of)
def test_the_image_is_small_and_runs_without_rights(dockerfile: Path) -> None:
    lines = [line.strip() for line in dockerfile.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()]
    starts = [line.split() for line in lines if line.startswith("FROM ")]
    assert len(starts) > 1, "build in one stage and copy the result into a second one"
    assert starts[-1][1].startswith("python:3.11-slim"), "the image that is shipped starts from python:3.11-slim"
    shipped = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in shipped if line.startswith("USER ")]
    assert users, "name a USER: nothing in here needs root"
    assert users[-1].split(":")[0] not in ("root", "0"), "the last USER is the one that runs: it must not be root"
    assert any(line.startswith("HEALTHCHECK ") for line in shipped), "add a HEALTHCHECK that asks GET /health"
    fetched = [line for line in lines if re.search(r"\b(curl|wget|apt|apt-get|apk)\b|^ADD +https?:", line)]
    assert [line for line in fetched if not line.startswith("#")] == [], "pip with hashes is the only way in"
