"""What an operator can set, and how a bad value is reported."""

import tomllib
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from qwen_grpc.addresses import AUTH_HOST, CHAT_HOST, DASHSCOPE_HOST

T = TypeVar("T", bound=BaseSettings)
LEDGER = "~/.local/state/qwen-grpc/ledger.sqlite3"


class Settings(BaseSettings):
    """The gateway's own settings. A field's name in capitals is its name in the environment."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    grpc_host: str = Field("127.0.0.1", description="Address that the gRPC server binds to.")
    grpc_port: int = Field(50051, ge=0, le=65535, description="Port of the gRPC server; 0 takes a free one.")
    admin_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the admin service, on loopback only; none opens none."
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of `GET /metrics`, on loopback only; none opens none."
    )
    otel_exporter_otlp_endpoint: str = Field(
        "", pattern=r"^(https?://.*)?$", description="Where traces go (OTLP over HTTP); empty: nowhere."
    )
    qwen_base_url: str = Field(f"https://{CHAT_HOST}", pattern=r"^https?://", description=f"Origin of {CHAT_HOST}.")
    qwen_auth_url: str = Field(f"https://{AUTH_HOST}", pattern=r"^https?://", description="Origin of its sign-in host.")
    qwen_upload_url: str = Field("", pattern=r"^(https?://.*)?$", description="Origin of the object store, for tests.")
    dashscope_base_url: str = Field(
        f"https://{DASHSCOPE_HOST}", pattern=r"^https?://", description="Origin of DashScope, by region and plan."
    )
    qwen_fetch_media: bool = Field(False, description="Fetch http(s) media of requests from public addresses.")  # noqa: FBT003
    qwen_ledger: str = Field(LEDGER, min_length=1, description="File that remembers clips, uploads and responses.")
    model_cache_duration: float = Field(3600, ge=0, description="Seconds for which a model list is kept.")
    qwen_keep_chats: bool = Field(False, description="Never remove the chats that API calls make upstream.")  # noqa: FBT003
    qwen_chat_idle: float = Field(600, ge=1, description="Seconds after which an idle chat is removed upstream.")
    qwen_video_poll: float = Field(10, gt=0, description="Seconds between two looks at a video that is being made.")
    qwen_max_calls: int = Field(1200, ge=1, description="Calls served at once; one more is refused.")
    max_inflight_bytes: int = Field(
        256 << 20, ge=1 << 20, description="Bytes of requests in hand; a call beyond them is refused."
    )
    max_lag: float = Field(
        0.25, ge=0, description="Seconds that the event loop may be late until calls are refused; 0: any."
    )
    max_rss: int | None = Field(
        None, ge=0, description="Bytes of memory beyond which calls are refused; 0: none; unset: 85 % of the cgroup's."
    )
    qwen_drain: float = Field(30, ge=0, description="Seconds that running calls get to finish on SIGTERM.")
    qwen_drain_delay: float = Field(
        0, ge=0, description="Seconds before that in which it is not ready and still takes calls, for balancers."
    )
    upstream_connect_timeout: float | None = Field(None, gt=0, description="Seconds to connect: name, TCP and TLS.")
    upstream_headers_timeout: float | None = Field(
        None, gt=0, description="Seconds from the sent request to the status line."
    )
    upstream_first_event_timeout: float | None = Field(None, gt=0, description="Seconds from there to the first event.")
    upstream_thinking_first_event_timeout: float | None = Field(
        None, gt=0, description="The same where the model may think."
    )
    upstream_idle_timeout: float | None = Field(None, gt=0, description="Seconds between two events.")
    upstream_thinking_idle_timeout: float | None = Field(None, gt=0, description="The same where the model may think.")
    upstream_silence_timeout: float | None = Field(
        None, gt=0, description="Seconds without an event in which comments come."
    )
    qwen_total: float = Field(600, gt=0, description="Seconds that a call may take until its last byte.")
    qwen_long_total: float = Field(3600, gt=0, description="The same for deep research, pictures, clips and files.")
    grpc_heartbeat: float = Field(
        15, ge=0, description="Seconds of silence after which a gRPC stream gets an empty message; 0: none."
    )
    grpc_slow_client: float = Field(
        30, gt=0, description="Seconds after which a gRPC client is given up that takes nothing of a stream."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least important log level.")
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines on standard error.")


class BadSettings(Exception):
    """The start ends here; the message has one line for each bad value."""


class Problems:
    """Collects the lines of several `BadSettings`, so that all are told at once: `with problems: ...` for each step."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, *rest: object) -> bool:
        if not isinstance(error, BadSettings):
            return False
        self._lines += str(error).splitlines()
        return True

    def settle(self) -> None:
        """Raises `BadSettings` with all lines, if there are any."""
        if self._lines:
            raise BadSettings("\n".join(self._lines))


class _FromFile(PydanticBaseSettingsSource):
    def __init__(self, kind: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(kind)
        self._values = values

    def get_field_value(self, _: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in self._values.items() if name in self.settings_cls.model_fields}


def load(kind: type[T], file: dict[str, Any] | None = None, path: Path | None = None, **flags: Any) -> T:
    """Settings from, in order of weight: flags that are not None, environment, `.env`, file, defaults.

    Raises `BadSettings`; `path` is what it calls the file.
    """

    class Loaded(kind):  # type: ignore[misc, valid-type]
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], **sources: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            names = ("init_settings", "env_settings", "dotenv_settings")
            return (*(sources[name] for name in names), _FromFile(settings_cls, file or {}))

    try:
        loaded = Loaded(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise BadSettings("\n".join(_explained(part, file or {}, path) for part in error.errors())) from None
    # Of the kind itself: a local class cannot be handed to worker processes.
    return kind.model_construct(**loaded.model_dump())


def _explained(part: Any, file: dict[str, Any], path: Path | None) -> str:
    name = "_".join(map(str, part["loc"]))
    expected = part["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    expected = expected.replace("String should match pattern", "a text that matches")
    if path is not None and part["input"] is file.get(name):
        return f"{path}: {name}: expected {expected}"
    return f"{name.upper()}={str(part['input'])[:80]!r}: expected {expected}"


def read_file(path: Path | None) -> dict[str, Any]:
    """The content of a TOML file. Raises `BadSettings` for a file that is missing or no TOML."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadSettings(f"{path}: expected TOML: {error}") from None


def check_names(path: Path | None, values: Iterable[str], known: Collection[str]) -> None:
    """Raises `BadSettings` with a line for each name of a file that is not known."""
    lines = []
    for name in sorted(set(values) - set(known)):
        near = get_close_matches(name.lower(), known, 1)
        hint = f"did you mean {near[0]}?" if near else "expected a setting or a table (docs/configuration.md)"
        lines.append(f"{path}: {name[:32]}: there is no such key; {hint}")
    if lines:
        raise BadSettings("\n".join(lines))
