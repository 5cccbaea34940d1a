"""The certificates of the gRPC port: read from files, checked, and replaced while it is open."""

import ssl
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import grpc


class BadCertificates(Exception):
    """Files that cannot be used. `about` is the key of `[tls]`, the message says what is wrong."""

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about


@dataclass(frozen=True, slots=True)
class Certificates:
    """What a port shows, and whose certificates it asks for; PEM. An empty `client_ca` asks for none."""

    chain: bytes
    key: bytes = field(repr=False)
    client_ca: bytes = b""


def read_certificates(certificate: str, key: str, client_ca: str = "") -> Certificates:
    """The content of three files that fit together. Raises `BadCertificates`."""
    found = Certificates(
        _read("certificate", certificate), _read("key", key), _read("client_ca", client_ca) if client_ca else b""
    )
    _check(certificate, key, found.client_ca)
    return found


def _read(about: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadCertificates(about, f"this file cannot be read: {error.strerror}") from None


def _check(certificate: str, key: str, client_ca: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The password would otherwise be asked for at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadCertificates("key", "this key does not belong to the certificate") from None
        raise BadCertificates("certificate", "expected a PEM chain and its key, without a password") from None
    if client_ca:
        _check_authority(context, client_ca)


def _check_authority(context: ssl.SSLContext, client_ca: bytes) -> None:
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise BadCertificates("client_ca", "expected certificates in PEM form") from None


class GrpcTls:
    """The credentials of the gRPC port. New connections get the newest certificates, open ones stay as they are.

    Whether clients need a certificate is settled by the first ones.
    """

    def __init__(self, first: Certificates) -> None:
        # grpc asks from a thread of its own; what a deque does is done at once.
        self._next: deque[Certificates] = deque(maxlen=1)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _for_grpc(first),
            self._fetch,  # type: ignore[arg-type]  # the stubs do not know that None means no change
            require_client_authentication=bool(first.client_ca),
        )

    def use(self, certificates: Certificates) -> None:
        """Has the next connection, and all after it, see these."""
        self._next.append(certificates)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        # Asked by grpc before each handshake; it keeps what it got last.
        try:
            return _for_grpc(self._next.pop())
        except IndexError:
            return None


def _for_grpc(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key, certificates.chain)
    return grpc.ssl_server_certificate_configuration([pair], certificates.client_ca or None)
