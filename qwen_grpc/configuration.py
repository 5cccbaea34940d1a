"""The operator's configuration file: upstreams, aliases, gateway keys, TLS."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["chat_qwen_ai", "dashscope", "openai_engine"]
Dialect = Literal["auto", "vllm", "sglang", "ollama", "llamacpp", "generic"]
ForcedTools = Literal["stop_thinking", "auto"]
EVERYTHING = ("*",)


class Part(BaseModel):
    """A table of the file; a name that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(Part):
    """Where a secret lies: a variable of the environment, or a file that nobody else may read."""

    env: str = Field("", description="Name of the variable that holds the secret.")
    file: str = Field("", description="Path of the file that holds the secret; only its owner may read it.")


class UpstreamConfig(Part):
    """`[upstreams.NAME]`: one Qwen API."""

    kind: Kind = Field(description="Which protocol is spoken.")
    base_url: str = Field("", description="Origin, for an engine with its path; empty takes the kind's usual one.")
    credentials: tuple[SecretRef, ...] = Field((), description="The operator's credentials, used for gateway keys.")
    models: tuple[str, ...] = Field(EVERYTHING, description="Patterns of the model names that may be used here.")
    public: bool = Field(False, description="Whether any caller may use it, with or without a credential.")  # noqa: FBT003
    caller_keys: tuple[str, ...] = Field((), description="Patterns of callers' own keys that belong to this engine.")
    dialect: Dialect = Field("auto", description="How an engine differs from OpenAI; `auto` asks the engine.")
    workspace: str = Field("", description="DashScope's sub-workspace, sent as X-DashScope-WorkSpace.")
    wait_timeout: Annotated[int, Field(ge=0, le=120)] = Field(
        30, description="Seconds for which DashScope may queue a request that comes in a burst; 0 asks for none."
    )
    forced_tools: ForcedTools = Field(
        "stop_thinking", description="What gives way when a forced tool choice meets thinking: thinking, or the force."
    )
    max_calls: int = Field(600, ge=1, description="Calls at once.")
    max_calls_per_credential: int = Field(0, ge=0, description="Calls at once for each credential; 0 sets no limit.")
    requests_per_minute: int = Field(0, ge=0, description="Requests a minute; 0 sets no limit.")


class KeyConfig(Part):
    """`[keys.NAME]`: a gateway key, which stands for credentials of the operator."""

    hash: str = Field(pattern=r"^hmac-sha256:[0-9a-f]{64}$", description="Made by `qwen-grpc keys add NAME`.")
    upstreams: tuple[str, ...] = Field(EVERYTHING, description="Names of the upstreams that it may use.")
    models: tuple[str, ...] = Field(EVERYTHING, description="Patterns of the model names that it may use.")
    max_calls: int = Field(50, ge=1, description="Calls at once.")
    requests_per_minute: int = Field(0, ge=0, description="Requests a minute; 0 sets no limit.")


class TlsConfig(Part):
    """`[tls]`: certificates for both doors."""

    certificate: str = Field(description="PEM file with the certificate chain.")
    key: str = Field(description="PEM file with the private key; only its owner may read it.")
    client_ca: str = Field("", description="PEM file; with it, clients need a certificate of this authority (mTLS).")


class Configuration(Part):
    """All tables of the file. The settings beside them are `Settings` and `ShimSettings`."""

    upstreams: Mapping[str, UpstreamConfig] = Field(default_factory=dict, description="The upstreams, by name.")
    aliases: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Model names, each with `upstream/model` in order of preference."
    )
    keys: Mapping[str, KeyConfig] = Field(default_factory=dict, description="The gateway keys, by name.")
    tls: TlsConfig | None = Field(None, description="Without it both doors speak in clear.")
