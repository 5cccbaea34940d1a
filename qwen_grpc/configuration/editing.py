"""Keys put into the file and taken out of it, with every other line left as the operator wrote it."""

import fcntl
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from qwen_grpc.settings import BadSettings

_HEADER = re.compile(r"\s*\[")
_COMMENT = re.compile(r"\s*#")


def with_key(text: str, name: str, entry: Mapping[str, str | Sequence[str]]) -> str:
    """The text with a gateway key at its end. Raises `BadSettings` when it can only be put there by hand."""
    values = tomllib.loads(text)
    values.setdefault("keys", {})[name] = entry
    lines = [f"[keys.{name}]", *(f"{field} = {_toml(value)}" for field, value in entry.items())]
    above = f"{text.rstrip()}\n\n" if text.strip() else ""
    return _verified(above + "\n".join(lines) + "\n", values)


def without_key(text: str, name: str) -> str:
    """The text without a gateway key. Raises `BadSettings` when it can only be taken out by hand."""
    values = tomllib.loads(text)
    del values["keys"][name]
    lines = text.splitlines(keepends=True)
    begin = next((at for at, line in enumerate(lines) if _is_header(line, name)), len(lines))
    return _verified("".join(lines[:begin] + lines[_end(lines, begin) :]), values)


def with_key_secret(text: str, file: str) -> str:
    """The text with the place of the key secret, below the comment that it begins with."""
    values = tomllib.loads(text)
    values["key_secret"] = {"file": file}
    lines = text.splitlines(keepends=True)
    at = next((at for at, line in enumerate(lines) if not _COMMENT.match(line)), len(lines))
    return _verified("".join([*lines[:at], f"key_secret = {{ file = {_toml(file)} }}\n", *lines[at:]]), values)


def _is_header(line: str, name: str) -> bool:
    return bool(re.match(rf"\s*\[\s*keys\s*\.\s*([\"']?){re.escape(name)}\1\s*\]", line))


def _end(lines: Sequence[str], begin: int) -> int:
    """Where the table ends that begins at a line. Comments right above the next table are that one's."""
    end = next((at for at in range(begin + 1, len(lines)) if _HEADER.match(lines[at])), len(lines))
    if end == len(lines):
        return end
    while _COMMENT.match(lines[end - 1]):
        end -= 1
    return end


def _toml(value: str | Sequence[str]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _verified(text: str, values: dict[str, Any]) -> str:
    """The text, if it says what is meant: lines can look like a table and be part of something else."""
    try:
        if _without_empty(tomllib.loads(text)) == _without_empty(values):
            return text
    except tomllib.TOMLDecodeError:
        pass
    raise BadSettings("keys: these are not written as tables of their own, such as [keys.NAME]; change them by hand")


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != {}}


@contextmanager
def editing(path: Path) -> Iterator[Path]:
    """Keeps others of us from editing the file meanwhile; yields where it really lies."""
    real = path.resolve()
    folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield real
    finally:
        os.close(folder)


def replace_text(path: Path, text: str) -> None:
    """Puts another text into a file at once: who reads it sees the old one or the new one."""
    state = path.stat()
    number, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            os.fchmod(number, state.st_mode & 0o7777)
            _give(number, state)
            file.write(text)
            file.flush()
            os.fsync(number)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_secret(path: Path, secret: str, owner: Path) -> None:
    """Makes a file that only its owner may read: that of another file. Raises `FileExistsError`."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="ascii") as file:
        _give(number, owner.stat())
        file.write(f"{secret}\n")


def _give(number: int, state: os.stat_result) -> None:
    # Only root can, and only root has to: anybody else makes files that are theirs.
    with suppress(PermissionError):
        os.fchown(number, state.st_uid, state.st_gid)
