"""Checks of a running service from outside: is it ready, does it keep up, does it lose anything.

The service counts from its start, so a problem that is over still shows until it is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from vlclip.engine.opening.stores import shelf
from vlclip.service.diagnosis.finding import Check, Finding
from vlclip.service.http.addresses import is_loopback
from vlclip.service.settings import Settings

TIMEOUT_S = 10.0
GOOD_RECALL = 0.95
MANY = 100
"""Requests, or lists, that are needed before a share of them means anything."""
Labels = dict[str, str]
Samples = Mapping[str, list[tuple[Labels, float]]]
"""The samples of a service's metrics by name: labels and value of each."""


class Total(Protocol):
    """The sum of a metric's samples whose labels fit."""

    def __call__(self, name: str, fits: Callable[[Labels], bool] = ..., /) -> float:
        """0 where there is none."""
        ...


def running(url: str, key: str, client: httpx2.Client | None = None) -> Check:
    """The check of the service at `url`; `key` has the scope `metrics` or `write`."""

    def server(settings: Settings) -> Iterator[Finding]:
        asking = client or httpx2.Client(base_url=url, timeout=TIMEOUT_S)
        with asking:
            try:
                yield from _service_findings(asking, url, key, settings)
            except httpx2.HTTPError as error:
                why = str(error) or type(error).__name__
                yield Finding(
                    "bad", "server", f"{url} does not answer ({why}); is vlclip serve running there?"
                )

    return server


def _service_findings(asking: httpx2.Client, url: str, key: str, settings: Settings) -> Iterator[Finding]:
    ready = asking.get("/readyz")
    if ready.status_code == 200:
        yield Finding("ok", "server", f"{url} is ready, {ready.json().get('items', 0):,} items")
        if degraded := ready.json().get("degraded"):
            says = f"{url} does without what is damaged: {', '.join(degraded)}; its log says what to do"
            yield Finding("bad", "degraded", says)
    else:
        yield Finding("bad", "server", f"{url} is not ready ({ready.status_code}): {_detail(ready)}")
    if not is_loopback(urlsplit(url).hostname or "") and asking.get("/v1/items/doctor").status_code == 404:
        says = "answers everyone who reaches it, without a key; vlclip keys add --scope read --scope write"
        yield Finding("bad", "API keys", f"{url} {says}")
    answer = asking.get("/metrics", headers={"X-API-Key": key} if key else {})
    if answer.status_code != 200:
        says = "give a key with the scope metrics (--key or VLCLIP_API_KEY): vlclip keys add --scope metrics"
        yield Finding("note", "metrics", f"{url}/metrics is refused ({answer.status_code}); {says}")
        return
    samples: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    yield from read(samples, settings)


def read(samples: Samples, settings: Settings) -> Iterator[Finding]:
    """What the metrics of a service say."""

    def total(name: str, fits: Callable[[Labels], bool] = lambda _: True, /) -> float:
        return sum(value for labels, value in samples.get(name, []) if fits(labels))

    yield from _fingerprint(samples, settings)
    yield from _errors(total)
    yield from _load(total)
    if memory := samples.get("vlclip_memory_bytes"):
        parts = sorted(((value, labels["part"]) for labels, value in memory), reverse=True)
        listing = ", ".join(f"{part} {value / 1e6:,.0f}" for value, part in parts)
        yield Finding("ok", "memory", f"{sum(value for value, _ in parts) / 1e6:,.0f} MB: {listing}")
    for name, remedy in (
        ("exposures", "check whether its disk is full or slow, or raise exposures.queue"),
        ("events", "check that the disk, or the server of history.url, has space and answers"),
    ):
        lost = total(f"vlclip_{name}_lost_total")
        if lost:
            written = total(f"vlclip_{name}_written_total")
            says = f"{lost:,.0f} of {lost + written:,.0f} could not be stored; {remedy}"
            yield Finding("bad", f"lost {name}", says)
        else:
            yield Finding("ok", f"lost {name}", "none")
    probed = total("vlclip_probe_recall_count")
    if probed:
        recall = total("vlclip_probe_recall_sum") / probed
        says = f"{recall:.3f} of the ten exact best were found, over {probed:,.0f} searches"
        if recall >= GOOD_RECALL:
            yield Finding("ok", "recall", says)
        else:
            yield Finding("note", "recall", f"{says}; raise hnsw.ef, and check that the index is built")


def _fingerprint(samples: Samples, settings: Settings) -> Iterator[Finding]:
    """Whether the service serves the current collection of the store named here, if there is one."""
    served = next((labels["fingerprint"] for labels, _ in samples.get("vlclip_build_info", [])), "")
    with closing(shelf(settings.store, settings)) as place:
        name = place.current()
        info = place.info(name) if name is not None else None
    if info is not None and served != info.fingerprint:
        yield Finding(
            "note", "served vectors",
            f"the service serves fingerprint {served}, the current collection of {settings.store} is "
            f"{info.fingerprint}; if it is the same store, start the service again",
        )  # fmt: skip


def _errors(total: Total) -> Iterator[Finding]:
    requests = "vlclip_request_duration_seconds_count"
    # a service that starts answers /readyz with 503, as it should
    answered = total(requests, lambda labels: labels["route"] != "/readyz")
    failed = total(requests, lambda labels: labels["route"] != "/readyz" and labels["status"] == "5xx")
    says = f"{failed:,.0f} of {answered:,.0f} requests failed by an error of the service"
    if answered >= MANY and failed > answered / 100:
        yield Finding("note", "errors", f"{says}; its log has their request ids; see also load below")
    else:
        yield Finding("ok", "errors", says)


def _load(total: Total) -> Iterator[Finding]:
    waiting, workers = total("vlclip_lists_waiting"), total("vlclip_workers")
    refused, served = total("vlclip_lists_refused_total"), total("vlclip_lists_total")
    says = f"{waiting:,.0f} lists wait for {workers:.0f} threads, {refused:,.0f} were refused"
    if waiting > 2 * workers or (refused + served >= MANY and refused > (refused + served) / 100):
        yield Finding(
            "note", "load", f"{says}; it gets more requests than it can answer, so start another beside it"
        )
    else:
        yield Finding("ok", "load", says)


def _detail(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return "the answer is not from this service, or something in between answers for it"
