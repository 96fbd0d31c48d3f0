"""What a process allows those who connect to it, and how many of them there are: one for all of its connections."""

from collections import Counter
from dataclasses import dataclass

from api.addresses import TrustedProxies
from api.security_headers import make_block
from api.slow_clients import Patience, SlowClients
from registry.domain.networks import network_of
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """How long the line and the headers of a request may be. Bytes; all of it is held before any key is seen."""

    address_bytes: int = 16_384
    head_bytes: int = 65_536
    headers: int = 100


class Edge:
    """Counts connections and refusals, and watches who is slow."""

    def __init__(
        self,
        *,
        head: HeadLimits | None = None,
        patience: Patience | None = None,
        connections: int = 0,
        keep_alive_seconds: float = 5.0,
        proxies: TrustedProxies | None = None,
        hsts_seconds: int = 0,
        refused: Counter[str] | None = None,
    ) -> None:
        """``connections`` is how many an address may have at a time, 0 for any number; ``refused`` counts by reason."""
        self.head = head or HeadLimits()
        self.slow = SlowClients(patience or Patience())
        self.keep_alive_seconds = keep_alive_seconds
        self.refused = Counter[str]() if refused is None else refused
        self.most_connections = connections
        self.proxies = proxies or TrustedProxies()
        self.plain_headers = make_block()
        self.secure_headers = make_block(hsts_seconds)
        """What browsers are told over TLS."""
        self._connected: Counter[str] = Counter()

    def enters(self, address: str) -> bool:
        """Counts a connection; whether its address may have it."""
        key = network_of(address)
        self._connected[key] += 1
        return not self.most_connections or self._connected[key] <= self.most_connections

    def leaves(self, address: str) -> None:
        """Counts one less."""
        key = network_of(address)
        self._connected[key] -= 1
        if self._connected[key] <= 0:
            del self._connected[key]


def edge_of(settings: Settings, refused: Counter[str]) -> Edge:
    """As the settings say."""
    return Edge(
        patience=Patience(settings.head_seconds, settings.slow_seconds, settings.slow_bytes),
        connections=settings.address_connections,
        keep_alive_seconds=settings.keep_alive_seconds,
        proxies=TrustedProxies(settings.proxies),
        hsts_seconds=settings.hsts_seconds,
        refused=refused,
    )
