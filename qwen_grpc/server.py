"""Puts the server together: one registration, one list of interceptors, two ways in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc.aio import ServerInterceptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from qwen_grpc.assembly import builder
from qwen_grpc.configuration import Configuration
from qwen_grpc.hops import Hops
from qwen_grpc.inprocess import InProcessChannel
from qwen_grpc.interceptors.admission import Admission
from qwen_grpc.interceptors.around import Around
from qwen_grpc.interceptors.drain import Drain
from qwen_grpc.interceptors.limits import Deadline, Totals
from qwen_grpc.interceptors.observe import Observe
from qwen_grpc.interceptors.pulse import Pulse
from qwen_grpc.interceptors.shedding import Limit, Shedding
from qwen_grpc.interceptors.translate_errors import TranslateErrors
from qwen_grpc.ledger import Files, Jobs, Ledger, Replies, Responses
from qwen_grpc.memory import limit_bytes
from qwen_grpc.pressure import Caps, Pressure
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.router import Router
from qwen_grpc.services.admin import AdminService
from qwen_grpc.services.chat import ChatService
from qwen_grpc.services.chats import ChatsService
from qwen_grpc.services.embeddings import EmbeddingsService
from qwen_grpc.services.files import FilesService
from qwen_grpc.services.images import ImagesService
from qwen_grpc.services.jobs import Cadence
from qwen_grpc.services.media import Media
from qwen_grpc.services.models import ModelsService
from qwen_grpc.services.once import Once
from qwen_grpc.services.owners import Owners
from qwen_grpc.services.readiness import Readiness
from qwen_grpc.services.responses import ResponsesService
from qwen_grpc.services.tokens import TokensService
from qwen_grpc.services.turns import Turns
from qwen_grpc.services.videos import VideosService
from qwen_grpc.settings import BadSettings, Settings
from qwen_grpc.telemetry import wanted
from qwen_grpc.telemetry.sources import Sources
from qwen_grpc.upstreams.fetcher import Fetcher
from qwen_grpc.v1 import (
    admin_pb2_grpc,
    chat_pb2_grpc,
    chats_pb2_grpc,
    embeddings_pb2_grpc,
    files_pb2_grpc,
    images_pb2_grpc,
    models_pb2_grpc,
    responses_pb2_grpc,
    tokens_pb2_grpc,
    videos_pb2_grpc,
)

MIB = 1 << 20
LOOPBACK = "127.0.0.1"
# What a call that was cut gets to send its status.
LAST_WORDS_S = 1.0
# Clips that begin with a picture are looked at more often, as the site's own pages do (every 3 s instead of 10).
PICTURE_SHARE = 0.3
# Of the memory that the process may have; what is in hand needs the rest to end well.
RSS_SHARE = 0.85

OPTIONS: dict[str, int] = {
    # A compressed credential has up to 14 KiB; grpc's own 8 KiB soft limit drops larger ones at random.
    "grpc.max_metadata_size": 65_536,
    "grpc.absolute_max_metadata_size": 131_072,
    # Images travel inline up to 16 MiB; the default of 4 MiB would refuse them.
    "grpc.max_receive_message_length": 32 * MIB,
    "grpc.max_send_message_length": -1,
    # Finds dead peers; the defaults are two hours and off.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    # Clients may ping a silent stream this often; the default of five minutes ends it with too_many_pings.
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.http2.max_pings_without_data": 0,
    "grpc.max_connection_idle_ms": 900_000,
    "grpc.max_concurrent_streams": 1_000,
    # Silent connections are closed after ten seconds instead of a minute.
    "grpc.server_handshake_timeout_ms": 10_000,
    # Windows that grow with the line would hold up to 40 MiB of an upload in memory while the upstream is slow.
    "grpc.http2.bdp_probe": 0,
    # The default lets a second server start on a taken port without an error; workers ask for it.
    "grpc.so_reuseport": 0,
}

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
NAMES = ("Models", "Chat", "Images", "Videos", "Chats", "Tokens", "Files", "Embeddings", "Responses")
# The service that is refused last: when it is, the gateway is full.
CHAT = "ChatService"
SERVED = tuple(f"qwen.v1.{name}Service" for name in NAMES)


class Services:
    """One servicer for each proto file, and what they share."""

    def __init__(self, router: Router, settings: Settings, ledger: Ledger) -> None:
        owners, files = Owners(ledger), Files(ledger)
        media = Media(owners, files, Fetcher() if settings.qwen_fetch_media else None)
        turns = Turns(router, media)
        cadence = Cadence(settings.qwen_video_poll, settings.qwen_video_poll * PICTURE_SHARE)
        self.jobs = Jobs(ledger)
        self._once = Once(owners, Replies(ledger))
        self._videos = VideosService(router, self._once, self.jobs, media, cadence)
        self._responses = ResponsesService(router, turns, self._once, Responses(ledger))
        self._health = health.HealthServicer()
        self._servicers: tuple[tuple[Callable[[Any, Any], None], Any], ...] = (
            (models_pb2_grpc.add_ModelsServiceServicer_to_server, ModelsService(router)),
            (chat_pb2_grpc.add_ChatServiceServicer_to_server, ChatService(router, turns)),
            (images_pb2_grpc.add_ImagesServiceServicer_to_server, ImagesService(router, media, self._once)),
            (videos_pb2_grpc.add_VideosServiceServicer_to_server, self._videos),
            (chats_pb2_grpc.add_ChatsServiceServicer_to_server, ChatsService(router, self._once)),
            (tokens_pb2_grpc.add_TokensServiceServicer_to_server, TokensService(router)),
            (files_pb2_grpc.add_FilesServiceServicer_to_server, FilesService(router, self._once, files)),
            (embeddings_pb2_grpc.add_EmbeddingsServiceServicer_to_server, EmbeddingsService(router)),
            (responses_pb2_grpc.add_ResponsesServiceServicer_to_server, self._responses),
            (health_pb2_grpc.add_HealthServicer_to_server, self._health),
        )

    def register(self, way_in: Any) -> None:
        """Puts all servicers on a server or on the in-process channel."""
        for add, servicer in self._servicers:
            add(servicer, way_in)

    async def start(self) -> None:
        """Reports healthy."""
        for name in ("", *SERVED):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def readiness(self, is_full: Callable[[], bool]) -> Readiness:
        """Who tells balancers when the gateway is full."""
        return Readiness(self._health, SERVED, is_full)

    async def begin_drain(self) -> None:
        """Reports NOT_SERVING, for good."""
        await self._health.enter_graceful_shutdown()

    async def close(self) -> None:
        """Ends background work."""
        await asyncio.gather(self._once.close(), self._videos.close())
        await self._responses.close()


class AdminDoor:
    """The admin service on a port of its own, which nobody beyond this machine reaches."""

    def __init__(self, router: Router) -> None:
        self._grpc = grpc.aio.server(interceptors=[Around(Observe(), TranslateErrors)])
        admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(router), self._grpc)

    async def listen(self, port: int) -> int:
        """Opens the port and returns its number. Raises `BadSettings` when it cannot be had."""
        try:
            found = self._grpc.add_insecure_port(f"{LOOPBACK}:{port}")
        except RuntimeError:
            found = 0
        if not found:
            raise BadSettings(f"ADMIN_PORT: cannot listen on {LOOPBACK}:{port}: it is taken")
        await self._grpc.start()
        return found

    async def close(self) -> None:
        """Ends it at once: its calls are short and change nothing."""
        await self._grpc.stop(None)


class Server:
    """The services on an in-process channel, and on a gRPC port once `listen` was called."""

    def __init__(
        self, fleet: Fleet, settings: Settings, ledger: Ledger, hops: Hops | None = None, *, reuse_port: bool = False
    ) -> None:
        self._fleet = fleet
        self._hops = hops or Hops()
        self._drain = Drain()
        self._settings = settings
        self.telemetry = wanted(settings)
        if self.telemetry is not None:
            fleet.router.watches = self.telemetry.attempts
        self.pressure = Pressure(_caps(settings))
        self._services = Services(fleet.router, settings, ledger)
        interceptors = self._interceptors(fleet.router)
        options = OPTIONS | {"grpc.so_reuseport": int(reuse_port)}
        self._admin = AdminDoor(fleet.router)
        self.admin_port: int | None = None
        self.metrics_port: int | None = None
        # What comes by the channel has passed the gate of the REST door already.
        pulse = Pulse(settings.grpc_heartbeat, settings.grpc_slow_client)
        of_the_wire = (pulse, *interceptors, Shedding(self.pressure))
        self._grpc = grpc.aio.server(interceptors=of_the_wire, options=list(options.items()))
        self.channel = InProcessChannel(interceptors)
        for way_in in (self._grpc, self.channel):
            self._services.register(way_in)
        reflection.enable_server_reflection((*SERVED, HEALTH, reflection.SERVICE_NAME), self._grpc)

    def _interceptors(self, router: Router) -> Sequence[ServerInterceptor]:
        # Outermost first. `observe` sees every outcome, and refusals of `Admission` pass through all scopes too.
        observe = Observe(*(self.telemetry.calls if self.telemetry is not None else ()))
        deadline = Deadline(Totals(self._settings.qwen_total, self._settings.qwen_long_total))
        scopes = Around(observe, TranslateErrors, self._drain, Limit(self.pressure), deadline)
        return (scopes, Admission(self._hops, router.is_public))

    async def start(self) -> None:
        """Reports healthy; the in-process channel works from now on."""
        await self._services.start()
        readiness = self._services.readiness(lambda: self.pressure.shortage(CHAT) is not None)
        self._watch = asyncio.create_task(readiness.watch())

    async def listen(self, tls: grpc.ServerCredentials | None = None) -> int:
        """Opens the gRPC port and returns its number. Raises `BadSettings` when it cannot be had."""
        address = f"{self._settings.grpc_host}:{self._settings.grpc_port}"
        try:
            port = self._grpc.add_secure_port(address, tls) if tls else self._grpc.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if not port:
            raise BadSettings(f"GRPC_PORT: cannot listen on {address}: it is taken, or not an address of this machine")
        await self._grpc.start()
        if self._settings.admin_port is not None:
            self.admin_port = await self._admin.listen(self._settings.admin_port)
        if self.telemetry is not None:
            sources = Sources(self._fleet.router, self.pressure, self._services.jobs, lambda: self._drain.begun)
            self.metrics_port = self.telemetry.open(sources)
        return port

    async def swap(self, configuration: Configuration) -> None:
        """Puts another configuration into force; see `Fleet.swap`."""
        await self._fleet.swap(configuration)

    def reloaded(self, ok: bool) -> None:
        """Is told of each load of a changed configuration: that it is in force, or that it could not be used."""
        if self.telemetry is not None:
            self.telemetry.metrics.reloaded(ok)

    def hurry(self) -> None:
        """Ends what runs, in the middle of a drain: its time is over now."""
        self._drain.cut()

    async def leave(self) -> None:
        """Reports NOT_SERVING, for good, and goes on serving."""
        self._watch.cancel()
        await self._services.begin_drain()

    async def drain(self, grace_s: float) -> None:
        """Reports NOT_SERVING, refuses new calls, gives running ones `grace_s` seconds, then ends them properly.

        Once a drain has begun, another one ends what still runs at once.
        """
        grace_s = 0.0 if self._drain.begun else grace_s
        await self.leave()
        self._drain.begin()
        stopping = asyncio.ensure_future(self._grpc.stop(grace_s + LAST_WORDS_S))
        await self._drain.idle(grace_s)
        self._drain.cut()
        await self._drain.idle(LAST_WORDS_S)
        # Whoever has not taken its status by now does not read.
        await asyncio.gather(stopping, self._grpc.stop(LAST_WORDS_S))
        await self._services.close()
        await self._admin.close()
        # Closed last: until then a new call learns from the drain why it is refused.
        await self.channel.close(LAST_WORDS_S)
        if self.telemetry is not None:
            await self.telemetry.close()


@asynccontextmanager
async def serving(
    settings: Settings, configuration: Configuration | None = None, *, reuse_port: bool = False
) -> AsyncIterator[Server]:
    """A started server with the upstreams of the configuration; on leaving, running calls have been drained."""
    hops = Hops()
    async with Ledger(settings.qwen_ledger) as ledger, Fleet(builder(settings, hops)) as fleet:
        await fleet.swap(configuration or Configuration.model_validate({}))
        server = Server(fleet, settings, ledger, hops, reuse_port=reuse_port)
        await server.start()
        with server.pressure.watched():
            try:
                yield server
            finally:
                await server.drain(settings.qwen_drain)


def _caps(settings: Settings) -> Caps:
    """How much is taken on."""
    rss = usual_rss() if settings.max_rss is None else settings.max_rss
    return Caps(settings.qwen_max_calls, settings.max_inflight_bytes, rss, settings.max_lag)


def usual_rss() -> int:
    """Bytes of memory beyond which calls are refused: a share of what the process may have; 0 where nobody says."""
    return int(RSS_SHARE * (limit_bytes() or 0))
