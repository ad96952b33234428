"""What a running service counts and measures, for Prometheus.

One registry of its own for each service, in one process. What happens is counted as it happens (requests,
stages, lists); the current state is read when Prometheus asks (queues, the ledger, the store).

Laws (tests/service/observing/test_metrics.py):
- labels are routes, methods, classes of status, stages, kinds, strategies and arms: never a path, an id, a
  user or a text, so the number of series is bounded;
- every metric is in docs/monitoring.md, and nothing else is;
- a store or ledger that does not answer leaves its own metrics out and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from vlclip.engine.errors import VlclipError
from vlclip.engine.store.cache.store import CacheUses
from vlclip.service.observing.memory import memory_parts
from vlclip.service.observing.middleware import CALLER_LEFT, ServedRequest
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Workers

MS = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500, 10_000, 30_000)
SECONDS = tuple(ms / 1000 for ms in MS)
"""Upper bounds of the latency histograms: fine where lists are answered, coarse where writes are."""
SHARES = tuple(tenth / 10 for tenth in range(11))
"""Upper bounds of recall@10, which is tenths."""


class Metrics:
    """The registry of one service; `observe` and `observe_recall` count what happens."""

    def __init__(self, shop: Shop, workers: Workers) -> None:
        self.registry = CollectorRegistry()
        requests = Histogram(
            "vlclip_request_duration_seconds",
            "Time until the last byte of an answer, by route, method and class of status.",
            ("route", "method", "status"),
            registry=self.registry,
            buckets=SECONDS,
        )
        stages = Histogram(
            "vlclip_stage_duration_seconds",
            "A stage's own share of that time: queue, encode, search, rank, serialise.",
            ("route", "stage"),
            registry=self.registry,
            buckets=SECONDS,
        )
        lists = Counter(
            "vlclip_lists",
            "Lists that were served, by kind, arm and what they were made from.",
            ("kind", "arm", "strategy"),
            registry=self.registry,
        )
        self._recall = Histogram(
            "vlclip_probe_recall",
            "Recall@10 of recent searches against exact ones, ties counted equal.",
            registry=self.registry,
            buckets=SHARES,
        )
        # finding a series by its labels takes longer than counting; there are few
        self._request, self._stage, self._list = (
            cache(requests.labels),
            cache(stages.labels),
            cache(lists.labels),
        )
        self.registry.register(_CurrentState(shop, workers))
        ProcessCollector(registry=self.registry)

    def observe(self, served: ServedRequest) -> None:
        """Count a request that was served."""
        status = "gone" if served.status == CALLER_LEFT else f"{served.status // 100}xx"
        self._request(served.route, served.method, status).observe(served.seconds)
        for stage, seconds in served.stages.seconds().items():
            self._stage(served.route, stage).observe(seconds)
        listing = served.served_list
        if listing is not None and served.status == 200:
            self._list(listing.kind, listing.arm, listing.strategy).inc()

    def observe_recall(self, recall: float) -> None:
        """Count a search that was compared with an exact one."""
        self._recall.observe(recall)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything as text in the format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _CurrentState(Collector):
    """What is read when Prometheus asks: queues, the ledger, the store."""

    def __init__(self, shop: Shop, workers: Workers) -> None:
        self._shop, self._workers = shop, workers

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Each part that answers."""
        for part in (
            self._build,
            self._memory,
            self._load,
            self._queries,
            self._shoppers,
            self._ledger,
            self._store,
        ):
            yield from _answering(part)

    def _build(self) -> Iterator[Metric]:
        shop = self._shop
        about = {
            "version": shop.version,
            "fingerprint": shop.store.info.fingerprint,
            "runtime": shop.encoders.runtime,
        }
        yield InfoMetricFamily("vlclip_build", "What runs here, over whose vectors.", about)
        yield _gauge("vlclip_ready", "1 once the models are warm.", float(shop.is_ready))
        damage = shop.damage
        parts = {part: float(part in damage) for part in ("store", "history", "exposures", "ledger")}
        yield _gauges("vlclip_degraded", "1 for a part that is damaged and done without.", "part", parts)

    def _memory(self) -> Iterator[Metric]:
        parts = memory_parts(self._shop.encoders.model_bytes)
        yield _gauges("vlclip_memory_bytes", "Resident memory, by what it holds.", "part", parts)

    def _load(self) -> Iterator[Metric]:
        workers = self._workers
        yield _gauge("vlclip_workers", "Threads that make lists.", workers.count)
        yield _gauge("vlclip_lists_in_flight", "Lists being made.", workers.in_flight)
        yield _gauge("vlclip_lists_waiting", "Lists that wait for a thread.", workers.waiting)
        yield _counter("vlclip_lists_refused", "Lists refused at once, with a 503.", workers.refused)
        text = "Lists given up while they waited: their caller had gone, or their time was over."
        yield _counter("vlclip_lists_cancelled", text, workers.cancelled)

    def _queries(self) -> Iterator[Metric]:
        counts = self._shop.queries.counts()
        yield _counter("vlclip_query_cache_hits", "Texts whose vectors were kept from before.", counts.hits)
        yield _counter("vlclip_query_cache_misses", "Texts whose vectors were not.", counts.misses)
        yield _gauge("vlclip_query_cache_texts", "Texts whose vectors are kept.", counts.cached)
        yield _counter("vlclip_encode_batches", "Batches of texts that were encoded.", counts.batches)
        yield _counter("vlclip_encode_texts", "Texts in these batches.", counts.batch_items)

    def _shoppers(self) -> Iterator[Metric]:
        counts = self._shop.shoppers.counts
        unwritten = {"events": "written; their senders got a 503", "exposures": "kept"}
        for name, key in (("events", "events"), ("exposures", "lists")):
            title = name.capitalize()
            written, waiting, lost = (counts[f"{key}_{state}"] for state in ("written", "waiting", "lost"))
            yield _counter(f"vlclip_{name}_written", f"{title} that were kept.", written)
            yield _gauge(f"vlclip_{name}_waiting", f"{title} that wait to be written.", waiting)
            yield _counter(f"vlclip_{name}_lost", f"{title} that could not be {unwritten[name]}.", lost)

    def _ledger(self) -> Iterator[Metric]:
        ledger = self._shop.ledger
        steps, ends = ledger.dead_letters.count_by_step(), ledger.count_runs()
        yield _gauges(
            "vlclip_dead_letters", "Items that failed, by the step that refused them.", "step", steps
        )
        yield _gauges("vlclip_ingest_runs", "Runs of the pipeline, by how they ended.", "status", ends)

    def _store(self) -> Iterator[Metric]:
        try:
            items = self._shop.store.count()
        except VlclipError:
            yield _gauge("vlclip_store_up", "1 while the store answers.", 0)
            raise
        yield _gauge("vlclip_store_up", "1 while the store answers.", 1)
        yield _gauge("vlclip_items", "Items in the store.", items)
        yield from self._cache()

    def _cache(self) -> Iterator[Metric]:
        uses: CacheUses | None = getattr(self._shop.store, "cache_uses", None)
        if uses is None:  # on a server
            return
        counts = {
            "rankings": (uses.rankings_asked, uses.rankings_missed),
            "items": (uses.items_asked, uses.items_missed),
        }
        for name, (lookups, misses) in counts.items():
            title = name.capitalize()
            yield _counter(
                f"vlclip_cache_{name}_hits", f"{title} that were in memory from before.", lookups - misses
            )
            yield _counter(f"vlclip_cache_{name}_misses", f"{title} that the engine gave.", misses)
        yield _gauge("vlclip_cache_bytes", "About the memory that these take.", uses.size_bytes)


def _answering(part: Callable[[], Iterator[Metric]]) -> Iterator[Metric]:
    try:
        yield from part()
    except VlclipError:  # the other metrics are still useful; a missing `vlclip_store_up` shows it
        return


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
