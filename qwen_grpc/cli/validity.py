"""Until when a server's certificate is valid: what a client would find, without a connection."""

import ssl
from typing import Any


class NotValid(Exception):
    """A client would refuse the certificate; the message is a clause that says why."""


def ends_at(certificate: str, key: str) -> float:
    """When the certificate ends, in epoch seconds. Raises `NotValid`, also for one that has ended already."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # Whoever signed it: the dates are the question.
    client.load_verify_locations(certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    shown: Any = _shown(client, server)
    return ssl.cert_time_to_seconds(shown["notAfter"])


def _shown(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> Any:
    """The certificate that one side shows the other one, in a handshake within memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    # The client asks, the server answers, the client checks what it got.
    _step(client)
    _step(server)
    _step(client)
    return client.getpeercert()


def _step(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return
    except ssl.SSLCertVerificationError as error:
        raise NotValid(error.verify_message) from None
