"""Several processes that share the ports: spawned, with SO_REUSEPORT."""

import multiprocessing
import signal
import socket
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import uvloop

from qwen_grpc.cli.gateway import run_gateway
from qwen_grpc.cli.running import fail
from qwen_grpc.settings import Settings
from rest_shim.door import bound_socket
from rest_shim.settings import ShimSettings


def supervise(settings: Settings, shim: ShimSettings | None, count: int) -> None:
    """Runs workers until a signal; a worker that dies ends all of them, with its exit code."""
    grpc_hold = _reserve("GRPC_PORT", settings.grpc_host, settings.grpc_port)
    settings = settings.model_copy(update={"grpc_port": grpc_hold.getsockname()[1]})
    holds = [grpc_hold]
    if shim is not None:
        holds.append(_reserve("PORT", shim.host, shim.port))
        shim = shim.model_copy(update={"port": holds[1].getsockname()[1]})
    spawn = multiprocessing.get_context("spawn")
    workers: list[BaseProcess] = [spawn.Process(target=_work, args=(settings, shim)) for _ in range(count)]
    for worker in workers:
        worker.start()
    raise SystemExit(_watch(workers))


def _reserve(name: str, host: str, port: int) -> socket.socket:
    """Keeps a port for the workers: bound and never listening, so that no connection comes here."""
    try:
        # Without SO_REUSEPORT first: a port that others share already is taken, too.
        bound_socket(host, port, reuse_port=False).close()
        return bound_socket(host, port, reuse_port=True)
    except OSError as error:
        fail(f"{name}: cannot listen on {host}:{port}: {error.strerror}")


def _work(settings: Settings, shim: ShimSettings | None) -> None:
    uvloop.run(run_gateway(settings, shim, reuse_port=True))


def _watch(workers: list[BaseProcess]) -> int:
    asked = False

    def end_all(*_: object) -> None:
        nonlocal asked
        asked = True
        for worker in workers:
            if worker.is_alive():
                worker.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_all)
    wait([worker.sentinel for worker in workers])
    if not asked:
        # One died. After a signal the others are draining, and a second one would cut that short.
        end_all()
    for worker in workers:
        worker.join()
    return max(abs(worker.exitcode or 0) for worker in workers)
