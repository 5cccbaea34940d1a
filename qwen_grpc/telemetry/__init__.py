"""What the operator sees of a running gateway: metrics, and traces."""

from typing import TYPE_CHECKING

from qwen_grpc.settings import Settings

if TYPE_CHECKING:
    from qwen_grpc.telemetry.desk import Telemetry


def wanted(settings: Settings) -> "Telemetry | None":
    """The telemetry that the settings ask for; None when they ask for none, and then none of it is loaded.

    Raises `BadSettings` for traces without the extra that makes them.
    """
    if settings.metrics_port is None and not settings.otel_exporter_otlp_endpoint:
        return None
    from qwen_grpc.telemetry.desk import Telemetry

    return Telemetry(settings)
