"""Fetching over TLS: pinned to an address, and checked by name."""

import ssl
import subprocess
from pathlib import Path

import pytest
from fetch_wire import PNG, PUBLIC, Wire, fetched, refused
from raw_server import answer, raw_server

from qwen_grpc.errors import InvalidParameter, QwenError
from qwen_grpc.upstreams.fetcher import checked_url, redirected


def certificate_of(name: str, folder: Path) -> tuple[str, str]:
    """A new self-signed certificate for a name and its key, as file names."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


@pytest.mark.asyncio
async def test_the_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    certificate, key = certificate_of("media.test", tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with raw_server([answer(PNG)], tls=tls) as server:
        wire = Wire(server, media_test=[PUBLIC], other_test=[PUBLIC])
        fetcher = wire.fetcher(verify=ssl.create_default_context(cafile=certificate))
        found = await fetched(fetcher, "https://media.test/cat.png")
        other = await refused(fetcher, "https://other.test/cat.png")

    assert (found[0], wire.connected) == ("image/png", [(PUBLIC, 443)] * 2)
    assert (type(other), len(server.requests)) == (InvalidParameter, 1)


def test_https_does_not_become_http() -> None:
    assert led_to("https://media.test/", "http://media.test/") == "MEDIA_URL_BLOCKED"
    assert led_to("http://media.test/", "https://media.test/x") == "https://media.test/x"


def led_to(url: str, location: str) -> str:
    try:
        return str(redirected(checked_url(url), location))
    except QwenError as error:
        return error.reason
