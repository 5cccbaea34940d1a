"""Where settings and configuration come from: one place, asked at the start and at every reload."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from qwen_grpc.configuration import TABLES, Configuration, load_configuration
from qwen_grpc.settings import Problems, Settings, check_names, load, read_file
from rest_shim.settings import ShimSettings

KNOWN = Settings.model_fields.keys() | ShimSettings.model_fields.keys() | TABLES


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a gateway runs on. `shim` is None when only gRPC is served."""

    settings: Settings
    shim: ShimSettings | None
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Source:
    """The file of `--config`, if there is one, and the options of the command, which weigh more."""

    path: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    shim_flags: Mapping[str, Any] = field(default_factory=dict)
    rest: bool = True

    def load(self) -> Loaded:
        """Reads everything anew. Raises `BadSettings` with a line for each problem."""
        values = read_file(self.path)
        problems, shim = Problems(), None
        with problems:
            check_names(self.path, values, KNOWN)
        with problems:
            settings = load(Settings, values, self.path, **self.flags)
        with problems:
            shim = load(ShimSettings, values, self.path, **self.shim_flags) if self.rest else None
        with problems:
            configuration = load_configuration(self.path, values)
        problems.settle()
        return Loaded(settings, shim, configuration)

    def with_metrics_on(self, port: int) -> Self:
        """The same with another port for metrics."""
        return replace(self, flags={**self.flags, "metrics_port": port})

    def with_memory(self, max_rss: int) -> Self:
        """The same with another limit of memory."""
        return replace(self, flags={**self.flags, "max_rss": max_rss})

    def on_ports(self, grpc_port: int, port: int | None = None) -> Self:
        """The same with ports that are settled."""
        flags, shim_flags = {**self.flags, "grpc_port": grpc_port}, {**self.shim_flags, "port": port}
        return replace(self, flags=flags, shim_flags=shim_flags)
