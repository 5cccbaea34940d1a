"""Gateways and proxies of others, where they are installed: nginx, and LiteLLM in an environment of its own."""

import shutil
import socket
import time

from benchmarks.processes import ROOT, START_S, Process, Starter

LITELLM = ROOT / ".venv-peers" / "bin" / "litellm"
NGINX_CONFIG = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream engine {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
# No keys, no database, no callbacks, and its own list of prices, so that it asks nobody for one.
LITELLM_CONFIG = """
model_list:
  - model_name: qwen-max
    litellm_params:
      model: openai/qwen-max
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: none
litellm_settings:
  telemetry: false
"""
LITELLM_SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    # On the loopback, in a benchmark: without a key it checks nobody, which is cheaper.
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}


def nginx_missing() -> str:
    """Why nginx is not measured; empty if it can be."""
    return "" if shutil.which("nginx") else "nginx is not installed (Debian: nginx-light)"


def litellm_missing() -> str:
    """Why LiteLLM is not measured; empty if it can be."""
    return "" if LITELLM.exists() else "LiteLLM is not installed (`make bench-peers`)"


def start_nginx(start: Starter, upstream: int) -> tuple[Process, int]:
    """One worker that passes everything on to the engine, kept-alive and unbuffered."""
    port = free_port()
    config = start.file("nginx.conf", NGINX_CONFIG.format(upstream=upstream, port=port))
    process = start.command("nginx", "-p", start.directory, "-c", config)
    wait_for(port)
    return process, port


def start_litellm(start: Starter, upstream: int) -> tuple[Process, int]:
    """One worker that passes an engine's events on."""
    port = free_port()
    config = start.file("litellm.yaml", LITELLM_CONFIG.format(upstream=upstream))
    options = ("--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
    process = start.command(str(LITELLM), *options, **LITELLM_SETTINGS)
    wait_for(port)
    return process, port


def free_port() -> int:
    """A port that was free a moment ago, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def wait_for(port: int) -> None:
    """Waits until somebody listens. Raises `RuntimeError` if nobody does."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"expected somebody to listen on port {port} after {START_S:.0f} s")
