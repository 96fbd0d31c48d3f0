"""Ports of loopback that nobody has."""

import socket


def free_port(first: int) -> int:
    """The first free port from this one on; below the range that the kernel gives to connections going out."""
    for port in range(first, first + 500):
        if is_free(port):
            return port
    raise OSError(f"no port is free between {first} and {first + 500}")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ended connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
