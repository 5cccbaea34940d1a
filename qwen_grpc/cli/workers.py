"""Several processes that share the ports: spawned, with SO_REUSEPORT."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from qwen_grpc.cli.gateway import run_gateway
from qwen_grpc.cli.running import fail, run
from qwen_grpc.cli.source import Loaded, Source
from qwen_grpc.server import usual_rss
from qwen_grpc.settings import BadSettings
from rest_shim.door import bound_socket


def supervise(loaded: Loaded, source: Source, count: int) -> None:
    """Runs workers until a signal; a worker that dies ends all of them, with its exit code."""
    settings, shim = loaded.settings, loaded.shim
    holds = [_reserve("GRPC_PORT", settings.grpc_host, settings.grpc_port)]
    if shim is not None:
        holds.append(_reserve("PORT", shim.host, shim.port))
    source = source.on_ports(*(hold.getsockname()[1] for hold in holds))
    if settings.max_rss is None:
        # What the control group may have is theirs together.
        source = source.with_memory(usual_rss() // count)
    spawn = multiprocessing.get_context("spawn")
    sources = [_of_worker(number, source, settings.metrics_port) for number in range(count)]
    workers: list[BaseProcess] = [spawn.Process(target=_work, args=(one,)) for one in sources]
    raise SystemExit(_Crew(workers, reloads=source.path is not None).run())


def _of_worker(number: int, source: Source, metrics_port: int | None) -> Source:
    """Each worker tells its own numbers, on its own port: the first on the one that is set, the next on the next."""
    return source.with_metrics_on(metrics_port + number) if metrics_port else source


def _reserve(name: str, host: str, port: int) -> socket.socket:
    """Keeps a port for the workers: bound and never listening, so that no connection comes here."""
    try:
        # Without SO_REUSEPORT first: a port that others share already is taken, too.
        bound_socket(host, port, reuse_port=False).close()
        return bound_socket(host, port, reuse_port=True)
    except OSError as error:
        fail(f"{name}: cannot listen on {host}:{port}: {error.strerror}")


def _work(source: Source) -> None:
    # Each worker reads the file itself: secrets are not handed from process to process.
    try:
        loaded = source.load()
    except BadSettings as error:
        fail(str(error))
    run(run_gateway(loaded, source, reuse_port=True))


class _Crew:
    """The workers, from their start to the end of the last one."""

    def __init__(self, workers: Sequence[BaseProcess], *, reloads: bool) -> None:
        self._workers = workers
        self._asked = False
        # Ctrl-C reaches all processes of a terminal; workers are to be asked once, and by us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._end)
        if reloads:
            signal.signal(signal.SIGHUP, lambda *_: self._pass_on(signal.SIGHUP))

    def run(self) -> int:
        """The exit code of all together: that of the first worker that died unasked, else 0."""
        for worker in self._workers:
            if not self._asked:
                worker.start()
        signal.signal(signal.SIGINT, self._end)
        started = [worker for worker in self._workers if worker.pid is not None]
        wait([worker.sentinel for worker in started])
        if not self._asked:
            # One died. After a signal the others are draining, and a second one would cut that short.
            self._end()
        for worker in started:
            worker.join()
        return max((_code(worker) for worker in started), default=0)

    def _end(self, *_: object) -> None:
        self._asked = True
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, number)


def _code(worker: BaseProcess) -> int:
    """Its exit code; one that was asked to end before it could listen to signals has ended well."""
    code = worker.exitcode or 0
    return 0 if code == -signal.SIGTERM else abs(code)
