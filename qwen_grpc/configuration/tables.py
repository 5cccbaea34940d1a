"""What may stand in the configuration file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from qwen_grpc.addresses import CHAT_HOST
from qwen_grpc.credentials import Credentials
from qwen_grpc.gateway_keys import KeyRing

Kind = Literal["chat_qwen_ai", "dashscope", "openai_engine"]
Dialect = Literal["auto", "vllm", "sglang", "ollama", "llamacpp", "generic"]
ForcedTools = Literal["stop_thinking", "auto"]
# The operator's credentials for each upstream, with labels such as `official/1`.
Secrets = Mapping[str, tuple[tuple[str, Credentials], ...]]
EVERYTHING = ("*",)

_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")
_HASH = re.compile(r"hmac-sha256:[0-9a-f]{64}")


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("expected the name of a variable, such as DASHSCOPE_API_KEY")
    return name


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("expected hmac-sha256: and 64 hexadecimal digits, as `qwen-grpc keys add` writes them")
    return text


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _beside(path: str, info: ValidationInfo) -> str:
    """A path as seen from the folder of the file, when that is known."""
    folder = (info.context or {}).get("folder")
    return str(folder / Path(path).expanduser()) if path and folder else path


FileName = Annotated[str, AfterValidator(_beside)]


class Part(BaseModel):
    """A table of the file; a name that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SecretRef(Part):
    """Where a secret lies: a variable of the environment, or a file that nobody else may read."""

    env: Annotated[str, AfterValidator(_variable)] = Field(
        default="", description="Name of the variable that holds it."
    )
    file: FileName = Field(default="", description="File that holds it; only its owner may have rights to it.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError("expected either env or file")
        return self


KEY_SECRET = SecretRef(env="QWEN_KEY_SECRET")


class UpstreamConfig(Part):
    """`[upstreams.NAME]`: one Qwen API."""

    kind: Kind = Field(description="Which protocol is spoken.")
    base_url: Annotated[str, AfterValidator(_without_slash)] = Field(
        default="", description="Origin, for an engine with its path; empty takes the kind's usual one."
    )
    credentials: tuple[SecretRef, ...] = Field(
        default=(), description="The operator's credentials, used for gateway keys."
    )
    models: tuple[str, ...] = Field(
        default=EVERYTHING, description="Patterns of the model names that may be used here."
    )
    public: bool = Field(default=False, description="Whether any caller may use it, with or without a credential.")
    caller_keys: tuple[str, ...] = Field(
        default=(), description="Patterns of callers' own keys that belong to this engine."
    )
    dialect: Dialect = Field(default="auto", description="How an engine differs from OpenAI; `auto` asks the engine.")
    workspace: str = Field(default="", description="DashScope's sub-workspace, sent as X-DashScope-WorkSpace.")
    wait_timeout: Annotated[int, Field(ge=0, le=120)] = Field(
        default=30,
        description="Seconds for which DashScope may queue a request that comes in a burst; 0 asks for none.",
    )
    forced_tools: ForcedTools = Field(
        default="stop_thinking",
        description="What gives way when a forced tool choice meets thinking: thinking, or the force.",
    )
    connect_timeout: float | None = Field(default=None, gt=0, description="Seconds to connect: name, TCP and TLS.")
    headers_timeout: float | None = Field(
        default=None, gt=0, description="Seconds from the sent request to the status line."
    )
    first_event_timeout: float | None = Field(default=None, gt=0, description="Seconds from there to the first event.")
    thinking_first_event_timeout: float | None = Field(
        default=None, gt=0, description="The same where the model may think."
    )
    idle_timeout: float | None = Field(default=None, gt=0, description="Seconds between two events.")
    thinking_idle_timeout: float | None = Field(default=None, gt=0, description="The same where the model may think.")
    silence_timeout: float | None = Field(
        default=None, gt=0, description="Seconds without an event in which comments come."
    )
    max_calls: int = Field(default=1000, ge=1, description="Calls at once.")
    max_calls_per_credential: int | None = Field(
        default=None,
        ge=0,
        description=f"Calls at once for each of these credentials; 0 sets no limit. Unset: 4 at {CHAT_HOST}, else 0.",
    )
    requests_per_minute: int = Field(default=0, ge=0, description="Requests a minute; 0 sets no limit.")


class KeyConfig(Part):
    """`[keys.NAME]`: a gateway key, which stands for credentials of the operator."""

    hash: Annotated[str, AfterValidator(_hash)] = Field(description="Made by `qwen-grpc keys add NAME`.")
    upstreams: tuple[str, ...] = Field(
        default=EVERYTHING, description="Names of the upstreams that it may use; `*` for all."
    )
    models: tuple[str, ...] = Field(default=EVERYTHING, description="Patterns of the model names that it may use.")
    max_calls: int = Field(default=50, ge=1, description="Calls at once.")
    requests_per_minute: int = Field(default=0, ge=0, description="Requests a minute; 0 sets no limit.")


class TlsConfig(Part):
    """`[tls]`: certificates for both doors."""

    certificate: FileName = Field(min_length=1, description="PEM file with the certificate chain.")
    key: FileName = Field(min_length=1, description="PEM file with the private key; only its owner may read it.")
    client_ca: FileName = Field(
        default="", description="PEM file; with it, clients need a certificate of this authority (mTLS)."
    )


def _usual() -> Mapping[str, UpstreamConfig]:
    """For callers' own credentials."""
    return {"web": UpstreamConfig(kind="chat_qwen_ai"), "official": UpstreamConfig(kind="dashscope")}


class Configuration(Part):
    """All tables of the file. The settings beside them are `Settings` and `ShimSettings`."""

    upstreams: Mapping[str, UpstreamConfig] = Field(default_factory=_usual, description="The upstreams, by name.")
    aliases: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Model names, each with `upstream/model` in order of preference."
    )
    keys: Mapping[str, KeyConfig] = Field(default_factory=dict, description="The gateway keys, by name.")
    key_secret: SecretRef = Field(
        default=KEY_SECRET, description="What the keys' hashes are made with: 32 bytes or more."
    )
    tls: TlsConfig | None = Field(default=None, description="Without it both doors speak in clear.")

    _secrets: Secrets = PrivateAttr(default_factory=dict)
    _ring: KeyRing | None = PrivateAttr(None)

    @property
    def secrets(self) -> Secrets:
        """The operator's credentials, as they were read when the file was loaded."""
        return self._secrets

    @property
    def ring(self) -> KeyRing | None:
        """Knows the gateway keys; None when there are none."""
        return self._ring

    def holding(self, secrets: Secrets, ring: KeyRing | None) -> Self:
        """The same with its secrets, which are no part of what it prints."""
        copy = self.model_copy()
        copy._secrets, copy._ring = secrets, ring
        return copy
