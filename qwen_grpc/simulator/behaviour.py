"""How the simulated Qwen behaves: the switches that a test, a benchmark or the demo may turn while it runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import msgspec


@dataclass
class Switches:
    """What the behaviour of every face can do: be changed while it runs."""

    def change(self, values: dict[str, Any]) -> None:
        """Set the named fields; raises ValueError that names a wrong field or value and then changes nothing."""
        names = [item.name for item in fields(self)]
        if unknown := sorted(set(values) - set(names)):
            raise ValueError(f"unknown behaviour {unknown[0]!r}: expected one of {', '.join(names)}")
        changed = msgspec.convert({**dataclasses.asdict(self), **values}, type(self))
        for name in values:
            setattr(self, name, getattr(changed, name))


@dataclass
class Behaviour(Switches):
    """Every switch of the simulator; the defaults are a healthy service without delays."""

    challenge: Literal["none", "json", "html", "stall", "after_n_posts"] = "none"
    """What chats/new and completions meet before anything else."""
    challenge_after: int = 0
    """With `after_n_posts`: how many of these POSTs pass before the JSON challenge starts."""
    stall_s: float = 307.0
    """Seconds of silence before a stalled completion is refused; 307 was measured on the live service."""
    strict_auth: bool = False
    """A completion needs the `token` cookie and the bearer, not one of them."""
    require_bx: bool = False
    """A completion needs the three `bx-*` headers; only their presence is looked at."""
    require_version: bool = True
    """A completion needs the `version` header."""
    max_body_bytes: int = 128 * 1024
    """A larger completion body is challenged."""
    access_ttl_s: float = 900.0
    """How long the access tokens live that sign-in and refresh hand out."""
    refresh: Literal["ok", "rotate", "reject", "html", "slow"] = "ok"
    """How a refresh is answered; `rotate` also replaces the refresh token and refuses the old one from then on."""
    refresh_slow_s: float = 1.0
    """Seconds that a `slow` refresh takes."""
    revoked_tokens: tuple[str, ...] = ()
    """Access tokens that are refused although they have not expired."""
    scenario: str = ""
    """The scenario of completions that name none; empty means the answer that the request itself asks for."""
    pace_s: float = 0.0
    """Seconds between two events of a stream."""
    slow_s: float = 0.1
    """Seconds between two characters of the `slow` scenario."""
    models: tuple[str, ...] = ()
    """Model ids to offer; empty means the line-up of September 2026."""
    quota: dict[str, int] = field(default_factory=dict)
    """Turns that each user has left, by feature (`thinking`, `search`, ... or a model id); absent means unlimited."""
    quota_wait_h: int = 10
    """The hours that an exhausted quota asks to wait."""
    video_polls: int = 2
    """Status calls that find a video still running; the next one finds its end."""
    video_bytes: int = 100_000
    """The size of a made video."""
    output_key_ttl_s: float = 3600.0
    """How long the addresses of made pictures and videos are good; a negative one makes addresses that have expired."""
    output_pace_s: float = 0.0
    """Seconds between two pieces of 64 KiB while a made file is delivered."""
    output_cut_bytes: int = 0
    """After so many bytes of a made file the connection ends; 0 means never."""
    store_bucket: str = "qwen-webui-prod"
    """The bucket that uploads are sent to."""
    store_region: str = "oss-ap-southeast-1"
    """The region that uploads are signed for, and with it the host in the address of a file."""
    store_endpoint: str = "oss-accelerate.aliyuncs.com"
    """The host of the object store that callers are told; the simulator plays the store under its own address."""
    parse_polls: int = 1
    """Status calls that find a document still being parsed; the next one finds it done."""
    old_content: bool = False
    """Chat details keep answers in `content` and `reasoning_content`, and times as strings, as in an earlier era."""
    research_silence_s: float = 0.0
    """Seconds of silence between the plan and the search of a deep research."""
