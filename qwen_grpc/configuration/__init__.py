"""The operator's configuration file: upstreams, aliases, gateway keys, TLS.

tables    what may stand in the file
checks    what has to fit together
patterns  what patterns of names have to do with each other
secrets   the values that the file points to
loading   all of it, with one line for each problem
editing   keys put into the file and taken out of it
"""

from qwen_grpc.configuration.loading import TABLES, check_tables, files_of, load_configuration
from qwen_grpc.configuration.tables import (
    EVERYTHING,
    Configuration,
    Dialect,
    ForcedTools,
    KeyConfig,
    Kind,
    SecretRef,
    Secrets,
    TlsConfig,
    UpstreamConfig,
)

__all__ = [
    "EVERYTHING",
    "TABLES",
    "Configuration",
    "Dialect",
    "ForcedTools",
    "KeyConfig",
    "Kind",
    "SecretRef",
    "Secrets",
    "TlsConfig",
    "UpstreamConfig",
    "check_tables",
    "files_of",
    "load_configuration",
]
