"""The socket that a server listens on, and its address in words."""

import errno
import socket

from registry.domain.errors import Unavailable
from registry.settings import Settings


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises Unavailable with what to do about it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Unavailable(f"{host} is no address of this machine: {error.strerror}. Set --host.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = (
                f"Port {port} on {host} is in use. Stop what runs there, or choose another: promptuary serve --port "
                f"{port + 1 if port < 65535 else 0} (make run PORT={port + 1 if port < 65535 else 0})."
            )
        elif error.errno == errno.EACCES:
            message = f"Port {port} needs rights that this user has not; choose one above 1023 with --port."
        else:
            message = f"{host}:{port} cannot be listened on: {error.strerror}."
        raise Unavailable(message) from error
    return listener


def address_of(listener: socket.socket, settings: Settings) -> str:
    """The server's address for a browser on this machine."""
    host, scheme = settings.host, "http" if settings.tls_certificate is None else "https"
    port = listener.getsockname()[1]
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  (compared, not bound)
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
