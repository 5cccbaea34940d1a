"""What an operator can set, and how a bad value is reported."""

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from qwen_grpc.addresses import AUTH_HOST, CHAT_HOST

T = TypeVar("T", bound=BaseSettings)
LEDGER = "~/.local/state/qwen-grpc/ledger.sqlite3"


class Settings(BaseSettings):
    """The gateway's own settings. A field's name in capitals is its name in the environment."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    grpc_host: str = Field("127.0.0.1", description="Address that the gRPC server binds to.")
    grpc_port: int = Field(50051, ge=0, le=65535, description="Port of the gRPC server; 0 takes a free one.")
    qwen_base_url: str = Field(f"https://{CHAT_HOST}", pattern=r"^https?://", description=f"Origin of {CHAT_HOST}.")
    qwen_auth_url: str = Field(f"https://{AUTH_HOST}", pattern=r"^https?://", description="Origin of its sign-in host.")
    qwen_upload_url: str = Field("", pattern=r"^(https?://.*)?$", description="Origin of the object store, for tests.")
    qwen_fetch_media: bool = Field(False, description="Fetch http(s) media of requests from public addresses.")  # noqa: FBT003
    qwen_ledger: str = Field(LEDGER, min_length=1, description="File that remembers video jobs and uploads.")
    model_cache_duration: float = Field(3600, ge=0, description="Seconds for which a model list is kept.")
    qwen_keep_chats: bool = Field(False, description="Never remove the chats that API calls make upstream.")  # noqa: FBT003
    qwen_chat_idle: float = Field(600, ge=1, description="Seconds after which an idle chat is removed upstream.")
    qwen_video_poll: float = Field(10, gt=0, description="Seconds between two looks at a video that is being made.")
    qwen_max_calls: int = Field(1000, ge=1, description="Calls served at once; one more is refused.")
    qwen_drain: float = Field(30, ge=0, description="Seconds that running calls get to finish on SIGTERM.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least important log level.")
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines on standard error.")


class BadSettings(Exception):
    """The start ends here; the message has one line for each bad value."""


class _FromFile(PydanticBaseSettingsSource):
    def __init__(self, kind: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(kind)
        self._values = values

    def get_field_value(self, _: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in self._values.items() if name in self.settings_cls.model_fields}


def load(kind: type[T], file: dict[str, Any] | None = None, **flags: Any) -> T:
    """Settings from, in order of weight: flags that are not None, environment, `.env`, file, defaults.

    Raises `BadSettings`.
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
        raise BadSettings("\n".join(_explained(part) for part in error.errors())) from None
    # Of the kind itself: a local class cannot be handed to worker processes.
    return kind.model_construct(**loaded.model_dump())


def _explained(part: Any) -> str:
    name = "_".join(map(str, part["loc"])).upper()
    expected = part["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    expected = expected.replace("String should match pattern", "a text that matches")
    return f"{name}={str(part['input'])[:80]!r}: expected {expected}"


def read_file(path: Path | None, kinds: tuple[type[BaseSettings], ...]) -> dict[str, Any]:
    """A TOML file whose keys are setting names in small letters. Raises `BadSettings` for anything else."""
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"--config {path}: expected a readable TOML file ({error})") from None
    known = {name for kind in kinds for name in kind.model_fields}
    if unknown := sorted(values.keys() - known):
        raise BadSettings(f"--config {path}: unknown {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
    return values
