"""The page ``/metrics`` for Prometheus: what the process counts by itself, and what is asked for it.

Of several workers on one port each tells what all of them have counted.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from api import metric_families as families
from api.answer_cache import AnswerCache
from api.metric_families import Kind, MetricFamily
from api.metric_shares import MetricShare, joined
from api.request_meters import RequestMeters
from registry.background import on_and_on
from registry.bootstrap import Registry
from registry.domain.dependencies import Circuit
from registry.domain.errors import PromptuaryError
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.services.index_status import IndexStatus
from registry.services.meters import SECONDS, Durations, Work

log = logging.getLogger(__name__)

_VERSION = version("promptuary")  # which is looked up in a file

ASKING_SECONDS = 2.0
"""How long the page waits for the catalogue; without it the rest is told."""

SHARE_SECONDS = 3.0
"""How old what another worker counted may be. Putting it down takes some milliseconds, in which no request goes on."""

Labelled = Iterable[tuple[tuple[str, ...], float]]


@dataclass(slots=True)
class _Asked:
    """What had to be asked for."""

    status: list[IndexStatus] = field(default_factory=list)
    outbox: int | None = None
    unread: int = 0


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(
        self, registry: Registry, *, answers: AnswerCache, requests: RequestMeters, share: MetricShare | None = None
    ) -> None:
        """``share`` is this worker's place where there are several."""
        self._registry = registry
        self._share = share
        self._numbers = _Numbers(registry, answers, requests)
        self._collected = CollectorRegistry()
        self._collected.register(self._numbers)
        ProcessCollector(registry=self._collected)
        PlatformCollector(registry=self._collected)
        GCCollector(registry=self._collected)
        self._turn = asyncio.Lock()

    async def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its media type, in the newest format that the caller takes."""
        async with self._turn:
            self._numbers.asked = await self._ask()
            ours = list(self._collected.collect())
            others = await self._others(self._share, ours) if self._share is not None else []
            if others is None:
                ours, others = list(self._collected.collect()), []  # with what could not be read
            encode, media_type = choose_encoder(accept)
            told = CollectorRegistry()
            told.register(_Told(joined([ours, *others]) if others else ours))
            return encode(told), media_type

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Tells the other workers again and again while the context is open, and a last time when it is left."""
        if (share := self._share) is None:
            yield
            return
        async with on_and_on("telling the other workers what this one counts", lambda: self._tell_others(share)):
            yield
        with suppress(OSError):
            share.write(self._collected.collect())

    async def _tell_others(self, share: MetricShare) -> None:
        while True:
            share.write(self._collected.collect())
            await asyncio.sleep(SHARE_SECONDS)

    async def _others(self, share: MetricShare, ours: Iterable[Metric]) -> list[list[Metric]] | None:
        """What the others have counted; they get what this page is about to tell, so that no later one tells less."""
        try:
            share.write(ours)
            return await asyncio.to_thread(share.others)
        except OSError as error:
            log.warning("what the other workers count cannot be read: %s", error)
            self._numbers.asked.unread += 1
            return None

    async def _ask(self) -> _Asked:
        asked, indexing = _Asked(), self._registry.indexing

        async def status() -> None:
            if self._registry.process.has_disk:
                asked.status = await indexing.status()

        async def outbox() -> None:
            asked.outbox = await indexing.waiting()

        parts: list[Callable[[], Awaitable[None]]] = [status, outbox]
        for part in parts:
            try:
                async with asyncio.timeout(ASKING_SECONDS):
                    await part()
            except (PromptuaryError, TimeoutError):
                asked.unread += 1
        return asked


class _Numbers(Collector):
    """What the process knows, as metrics."""

    def __init__(self, registry: Registry, answers: AnswerCache, requests: RequestMeters) -> None:
        self._registry = registry
        self._answers = answers
        self._requests = requests
        self._behind_since: dict[tuple[RepositoryName, RefName], tuple[CommitId | None, float]] = {}
        self.asked = _Asked()

    def describe(self) -> Iterable[Metric]:
        """Nothing: what is registered is collected only when it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics but those of the process itself."""
        yield _gauge(families.BUILD, [((_VERSION, self._registry.process.value), 1)])
        yield from self._http()
        yield from self._work()
        yield from self._index()
        yield from self._surroundings()

    def _http(self) -> Iterator[Metric]:
        requests = self._requests
        statuses = [((method, route, str(status)), n) for (method, route, status), n in requests.by_status().items()]
        yield _counter(families.REQUESTS, statuses)
        yield _histogram(families.REQUEST_SECONDS, requests.durations.items())
        yield _gauge(families.IN_FLIGHT, [((), requests.in_flight)])
        yield _counter(families.EDGE_REFUSALS, [((reason,), n) for reason, n in self._registry.meters.refused.items()])
        layers = {"answers": requests.hot_lookups(), **self._registry.cache.counts()}
        found = [((layer, "hit"), hits) for layer, (hits, _) in layers.items()]
        missed = [((layer, "miss"), misses) for layer, (_, misses) in layers.items()]
        yield _counter(families.CACHE_LOOKUPS, [*found, *missed])
        yield _gauge(families.CACHE_BYTES, [((), self._answers.size)])
        yield _gauge(families.CACHE_ENTRIES, [((), len(self._answers))])

    def _work(self) -> Iterator[Metric]:
        meters = self._registry.meters
        done: dict[Work, dict[tuple[str, ...], Durations]] = {work: {} for work in Work}
        for (work, labels), durations in meters.durations.items():
            done[work][labels] = durations
        yield _histogram(families.GATE_SECONDS, done[Work.GATE].items())
        pushes = [((outcome,), d.count) for (way, outcome), d in done[Work.GATE].items() if way == "push"]
        yield _counter(families.PUSHES, pushes)
        yield _histogram(families.PROJECTION_SECONDS, done[Work.PROJECTION].items())
        yield _counter(families.PROJECTED_COMMITS, [((), meters.projected_commits)])
        yield _counter(families.PROJECTED_VERSIONS, [((), meters.projected_versions)])
        yield _histogram(families.MAINTENANCE_SECONDS, done[Work.MAINTENANCE].items())

    def _index(self) -> Iterator[Metric]:
        named = [((str(each.repository), str(each.ref)), each) for each in self.asked.status]
        yield _gauge(families.LAG_COMMITS, [(n, -1 if s.behind is None else s.behind) for n, s in named])
        yield _gauge(families.LAG_SECONDS, [(n, self._lag(status)) for n, status in named])
        yield _gauge(families.ORDINAL, [(n, status.ordinal) for n, status in named])
        yield _gauge(families.OUTBOX, [] if self.asked.outbox is None else [((), self.asked.outbox)])

    def _lag(self, status: IndexStatus) -> float:
        """Since when a branch is behind is known from the first scrape that saw it so; what it reached ends that."""
        key, now = (status.repository, status.ref), time.monotonic()
        if status.behind == 0:
            self._behind_since.pop(key, None)
            return 0.0
        reached, since = self._behind_since.get(key, (status.indexed, now))
        if reached != status.indexed:
            since = now
        self._behind_since[key] = (status.indexed, since)
        return now - since

    def _surroundings(self) -> Iterator[Metric]:
        yield _gauge(families.SUBSCRIBERS, [((), self._registry.event_streams.subscribers)])
        states = [
            ((condition.name, circuit.value), float(condition.circuit is circuit))
            for condition in self._registry.readiness.conditions()
            for circuit in Circuit
        ]
        yield _gauge(families.CIRCUITS, states)
        uses = [
            ((use.name, state), float(count))
            for use in self._registry.pools()
            for state, count in (("in_use", use.in_use), ("idle", use.idle), ("limit", use.limit))
        ]
        yield _gauge(families.POOL, uses)
        yield _gauge(families.UNREAD, [((), self.asked.unread)])


class _Told(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing, as above."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def _gauge(family: MetricFamily, samples: Labelled) -> Metric:
    assert family.kind is Kind.GAUGE
    metric = GaugeMetricFamily(family.full_name, family.help, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _counter(family: MetricFamily, samples: Labelled) -> Metric:
    assert family.kind is Kind.COUNTER
    metric = CounterMetricFamily(family.full_name, family.help, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _histogram(family: MetricFamily, durations: Iterable[tuple[tuple[str, ...], Durations]]) -> Metric:
    assert family.kind is Kind.HISTOGRAM
    metric = HistogramMetricFamily(family.full_name, family.help, labels=family.labels)
    bounds = [*map(floatToGoString, SECONDS), "+Inf"]
    for labels, each in durations:
        counts, so_far = [], 0
        for count in each.classes:
            so_far += count
            counts.append(so_far)
        metric.add_metric(labels, list(zip(bounds, map(float, counts), strict=True)), each.total)
    return metric
