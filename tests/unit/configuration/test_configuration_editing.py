import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.configuration.editing import replace_text, with_key, with_key_secret, without_key, write_secret
from qwen_grpc.settings import BadSettings

ENTRY = {"hash": "hmac-sha256:0", "upstreams": ["gpu"]}
WRITTEN = """\
# The gateway of the lab.

port = 8080   # odd

# for Ann
[keys.ann]
hash = "x"
# she is on leave
models = [
  "qwen*",
]

# for Bob
[ keys . "bob" ]
hash = "y"

# last words
[aliases]
"qwen-max" = [ "gpu/a" ]
"""
BY_HAND = "keys: these are not written as tables of their own, such as \\[keys.NAME\\]; change them by hand"


def test_a_key_is_put_at_the_end() -> None:
    assert with_key(WRITTEN, "eve", ENTRY) == f'{WRITTEN}\n[keys.eve]\nhash = "hmac-sha256:0"\nupstreams = ["gpu"]\n'
    assert with_key("", "eve", {"hash": "z"}) == '[keys.eve]\nhash = "z"\n'


def test_a_key_is_taken_out_with_what_is_in_its_table_and_nothing_else() -> None:
    ann, bob = "[keys.ann]\n", '[ keys . "bob" ]\n'
    begin, end = WRITTEN.index(ann), WRITTEN.index("# for Bob")
    assert without_key(WRITTEN, "ann") == WRITTEN[:begin] + WRITTEN[end:]
    begin, end = WRITTEN.index(bob), WRITTEN.index("# last words")
    assert without_key(WRITTEN, "bob") == WRITTEN[:begin] + WRITTEN[end:]


def test_the_key_secret_comes_below_the_comment_at_the_top() -> None:
    line = 'key_secret = { file = "s" }\n'
    assert with_key_secret(WRITTEN, "s") == WRITTEN.replace("lab.\n", f"lab.\n{line}", 1)
    assert with_key_secret("[aliases]\n", "s") == f"{line}[aliases]\n"


@pytest.mark.parametrize(
    "text",
    [
        'keys = { ann = { hash = "x" } }\n',
        '[keys]\nann.hash = "x"\n',
        '[keys]\nann = { hash = "x" }\n',
        '[aliases]\na = [\n"""\n[keys.ann]\n""",\n]\n[keys]\nann.hash = "x"\n',
    ],
)
def test_a_key_in_another_form_is_left_to_the_operator(text: str) -> None:
    with pytest.raises(BadSettings, match=f"\\A{BY_HAND}\\Z"):
        without_key(text, "ann")


def test_a_key_that_cannot_stand_at_the_end_is_left_to_the_operator() -> None:
    with pytest.raises(BadSettings, match=f"\\A{BY_HAND}\\Z"):
        with_key('keys = { ann = { hash = "x" } }\n', "eve", ENTRY)


@given(st.lists(st.sampled_from(["ann", "bob", "eve", "max"]), unique=True, min_size=1), st.booleans())
def test_what_was_put_in_can_be_taken_out_again(names: list[str], blank: bool) -> None:
    text = "port = 1\n" + "\n" * blank
    for name in names:
        text = with_key(text, name, ENTRY)
    assert list(tomllib.loads(text)["keys"]) == names
    for name in names:
        text = without_key(text, name)
    assert tomllib.loads(text) == {"port": 1}


def test_a_file_is_replaced_at_once_and_keeps_its_mode(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader:
        replace_text(path, "new ü")
        assert (reader.read(), path.read_text(encoding="utf-8")) == ("old", "new ü")
    assert (path.stat().st_mode & 0o777, os.listdir(folder)) == (0o640, ["file"])


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_beside_it(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\ud800")
    assert (path.read_text(), os.listdir(folder)) == ("old", ["file"])


def test_a_secret_is_for_its_owner_only_and_never_overwritten(folder: Path) -> None:
    path = folder / "secret"
    write_secret(path, "one", owner=folder)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one\n", 0o600)
    with pytest.raises(FileExistsError):
        write_secret(path, "two", owner=folder)
    assert path.read_text() == "one\n"
