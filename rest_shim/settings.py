"""What an operator can set of the REST door."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

INFLIGHT_BYTES = 256 << 20


class ShimSettings(BaseSettings):
    """The shim's own settings. A field's name in capitals is its name in the environment."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    host: str = Field("127.0.0.1", description="Address that the REST door binds to.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the REST door; 0 takes a free one.")
    cors_origins: str = Field("", description="Origins that browsers may call from, separated by commas; empty: none.")
    early_headers: float = Field(10, gt=0, description="Seconds of silence after which a stream's headers are sent.")
    heartbeat: float = Field(10, gt=0, description="Seconds of silence after which a stream gets a comment line.")
    slow_client: float = Field(
        30, gt=0, description="Seconds after which a client is left that takes nothing of its answer."
    )
    shim_target: str = Field("", description="gRPC target of `rest-shim`, such as `127.0.0.1:50051` or `unix:/run/q`.")
    max_body: int = Field(4 << 20, ge=1024, description="Bytes that a request body may have.")
    max_upload: int = Field(512 << 20, ge=1024, description="Bytes that the form of an upload may have.")
    max_connections: int = Field(4096, ge=1, description="Connections of clients; one more is turned away.")
    keep_responses: int = Field(
        3600, ge=0, le=30 * 86_400, description="Seconds that a response is kept that nobody asked to store; 0: not."
    )


class StandaloneSettings(ShimSettings):
    """What `rest-shim` has beside that: a budget, how it ends, and TLS towards its target and of its own port."""

    max_inflight_bytes: int = Field(
        INFLIGHT_BYTES, ge=1 << 20, description="Bytes of bodies in hand; a request beyond them is refused."
    )
    shim_ca: str = Field("", description="Authorities that the target's certificate is checked by, not the system's.")
    shim_certificate: str = Field("", description="Certificate chain that is shown to the target (mTLS).")
    shim_key: str = Field("", description="Private key of that certificate.")
    door_certificate: str = Field("", description="Certificate chain of the REST port; empty: it speaks in clear.")
    door_key: str = Field("", description="Private key of that certificate; only its owner may read it.")
    door_client_ca: str = Field("", description="Authority that certificates of REST clients have to be of (mTLS).")
    qwen_drain: float = Field(30, ge=0, description="Seconds that running requests get to finish on SIGTERM.")
    qwen_drain_delay: float = Field(
        0, ge=0, description="Seconds before that in which it is not ready and still takes requests, for balancers."
    )
