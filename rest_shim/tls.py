"""TLS of the REST door, with certificates that can be replaced while it is open."""

import ssl


def server_context(certificate: str, key: str, client_ca: str = "") -> ssl.SSLContext:
    """What a port speaks TLS with; with a `client_ca`, clients need a certificate of that authority.

    Raises `OSError`, which `ssl.SSLError` is one of.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A password would otherwise be asked for at the terminal.
    context.load_cert_chain(certificate, key, password=lambda: "")
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        # A resumed session is not asked for its certificate again, also when the authority is another one by then.
        # Tickets of TLS 1.3 can be done without; the sessions that TLS 1.2 keeps on this side cannot.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
    return context


class DoorTls:
    """The context that the REST door listens with. New connections get the newest one's certificates and authority.

    Whether clients need a certificate is settled by the first one.
    """

    def __init__(self, certificate: str, key: str, client_ca: str = "") -> None:
        self._newest = server_context(certificate, key, client_ca)
        self.context = server_context(certificate, key, client_ca)
        # Called in every handshake, also of clients that name no server.
        self.context.sni_callback = self._switch

    def use(self, context: ssl.SSLContext) -> None:
        """Has all connections from now on see this one."""
        self._newest = context

    def _switch(self, connection: ssl.SSLObject, *_: object) -> None:
        connection.context = self._newest
