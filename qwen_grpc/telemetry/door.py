"""`GET /metrics`, on a port of its own that nobody beyond this machine reaches."""

import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
SILENCE_S = 5.0
# How often the thread looks whether it shall end.
LOOK_S = 0.2
log = structlog.get_logger()


class MetricsDoor:
    """Answers from threads of its own: also while the event loop is full, drains, or stands still.

    Opens the port at once; raises `OSError` when it cannot be had. 0 takes a
    free one.
    """

    def __init__(self, registry: CollectorRegistry, port: int) -> None:
        self._server = _Server((LOOPBACK, port), _handler(registry))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK_S,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the port. Blocks for as long as the thread may not look."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Logs what is a fault of ours; a scraper that hangs up early is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("scrape failed", exc_info=error)


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "qwen-grpc", ""
        timeout = SILENCE_S

        def do_GET(self) -> None:  # noqa: N802
            """The metrics in the text format, or as OpenMetrics where that is accepted."""
            if self.path.partition("?")[0] != PATH:
                self.send_error(HTTPStatus.NOT_FOUND, f"there is nothing here but {PATH}")
                return
            encode, content_type = choose_encoder(self.headers.get("accept", ""))
            body = encode(registry)
            self.send_response(HTTPStatus.OK)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *said: object) -> None:
            """Logs nothing: scrapes are many."""

        def log_error(self, *said: object) -> None:
            """Neither: what is wrong with a scrape is the scraper's affair."""

    return Handler
