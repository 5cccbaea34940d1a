r"""The commands that browsers write for "Copy as cURL": the bash form and the Windows form.

The bash form uses `'...'` and, for text with quotes or line breaks, `$'...'`
with backslash escapes, which `shlex` does not know; nor does it join lines
or unescape as much between double quotes as bash does. The Windows form puts
`^` before each special character, the quotes included, and ends lines with it.
"""

import re
import shlex
from itertools import pairwise

from qwen_grpc.credentials.exchange import Exchange, cookie_pairs
from qwen_grpc.errors import InvalidParameter

MAX_CHARACTERS = 1_048_576

_WINDOWS = re.compile(r'\A\s*curl(?:\.exe)?\s+\^"|\^[ \t]*\r?$', re.MULTILINE)
_CARET = re.compile(r"\^(?:\r?\n)?(.?)", re.DOTALL)
# The first alternative and the last step over text in which nothing has to be rewritten.
_BASH = re.compile(
    r"""'[^']*'|"(?P<double>(?:[^"\\]|\\.)*+)"|\$'(?P<ansi>(?:[^'\\]|\\.)*+)'|(?P<continued>\\\r?\n)|\\.""",
    re.DOTALL,
)
_IN_DOUBLE = re.compile(r'\\(?:\r?\n|([$`"\\]))')
_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9A-Fa-f]{1,2})|u(?P<u>[0-9A-Fa-f]{1,4})|(?P<octal>[0-7]{1,3})|(?P<letter>.))", re.DOTALL
)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}

# Options of which the value matters here, and the header that they stand for.
_OPTIONS = {
    "-H": "", "--header": "", "-b": "cookie", "--cookie": "cookie", "-A": "user-agent", "--user-agent": "user-agent",
}  # fmt: skip


def exchange(text: str) -> Exchange:
    """Read one copied command; raises `InvalidParameter` if this is none."""
    words = _words(text) if len(text) <= MAX_CHARACTERS else []
    if not words or words[0] not in ("curl", "curl.exe"):
        raise InvalidParameter(
            "this is not a readable cURL command; use 'Copy as cURL' on one request and paste it whole "
            "(docs/credentials.md)"
        )
    headers = tuple(_header(option, value) for option, value in pairwise(words) if option in _OPTIONS)
    return Exchange(
        method="",
        url=next((word for word in words if word.startswith("https://")), ""),
        headers=headers,
        cookies=cookie_pairs("; ".join(value for name, value in headers if name == "cookie")),
    )


def _header(option: str, value: str) -> tuple[str, str]:
    if _OPTIONS[option]:
        return _OPTIONS[option], value
    name, _, rest = value.partition(":")
    return name.strip().lower(), rest.strip()


def _words(text: str) -> list[str]:
    """Return the words of the command, or none if a quote is left open."""
    plain = _CARET.sub(r"\1", text) if _WINDOWS.search(text) else _BASH.sub(_plainly_quoted, text)
    try:
        return shlex.split(plain)
    except ValueError:
        return []


def _plainly_quoted(match: re.Match[str]) -> str:
    if match["ansi"] is not None:
        return shlex.quote(_ESCAPE.sub(_unescaped, match["ansi"]))
    if match["double"] is not None:
        return shlex.quote(_IN_DOUBLE.sub(lambda found: found[1] or "", match["double"]))
    return "" if match["continued"] else match[0]


def _unescaped(match: re.Match[str]) -> str:
    if digits := match["x"] or match["u"]:
        return chr(int(digits, 16))
    if match["octal"]:
        return chr(int(match["octal"], 8))
    return _LETTERS.get(match["letter"], match["letter"])
