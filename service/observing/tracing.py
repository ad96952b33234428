"""OpenTelemetry spans: one for each request and one for each of its stages, sent to a collector.

Spans are made when the answer is out, from the times that were taken anyway, so a caller never waits for
them. Where `tracing.endpoint` is empty this module is not imported.

Laws (tests/service/observing/test_tracing.py):
- a request is a server span; its stages are inside it, each within the stage around it;
- a caller's `traceparent` is continued, its decision about sampling too (W3C Trace Context);
- no span holds a path, a text or a user.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from vlclip.engine.errors import SettingsError
from vlclip.engine.store.store import StoreInfo
from vlclip.service.observing.middleware import ServedRequest
from vlclip.service.settings import Tracing

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    raise SettingsError(
        'tracing.endpoint is set, and OpenTelemetry is missing; pip install "vlclip[tracing]"'
    ) from None

PATH = "/v1/traces"
"""Where a collector takes spans, unless the endpoint names a path itself."""
TIMEOUT_S = 3.0
"""For one batch of spans; a service that ends does not wait longer for a collector that is away."""


class Traces:
    """Makes spans of served requests. `processor` takes them; tests pass another."""

    def __init__(
        self, settings: Tracing, version: str, info: StoreInfo, processor: SpanProcessor | None = None
    ) -> None:
        attributes = {
            "service.name": "vlclip",
            "service.version": version,
            "vlclip.fingerprint": info.fingerprint,
        }
        self._provider = TracerProvider(
            # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, where they are set, win
            resource=Resource.create(attributes).merge(OTELResourceDetector().detect()),
            sampler=ParentBased(TraceIdRatioBased(settings.sample)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            processor or BatchSpanProcessor(OTLPSpanExporter(address(settings.endpoint), timeout=TIMEOUT_S))
        )
        self._tracer = self._provider.get_tracer("vlclip", version)
        self._propagator = TraceContextTextMapPropagator()

    def observe(self, served: ServedRequest) -> None:
        """Make the spans of a request that was served."""
        span = self._tracer.start_span(
            f"{served.method} {served.route}",
            context=self._propagator.extract(_carrier(served), Context()),
            kind=SpanKind.SERVER,
            attributes=_attributes(served),
            start_time=served.time_ns,
        )
        if span.is_recording():
            if served.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            self._stages(served, span)
        span.end(_ns(served, served.ended))

    def _stages(self, served: ServedRequest, span: Span) -> None:
        """The laps as spans, each under the shortest one that holds it."""
        outer = [(float("inf"), set_span_in_context(span, Context()))]
        for stage, began, ended, _ in sorted(served.stages.laps, key=lambda lap: (lap.began, -lap.ended)):
            while outer[-1][0] < ended:
                outer.pop()
            lap = self._tracer.start_span(stage, context=outer[-1][1], start_time=_ns(served, began))
            lap.end(_ns(served, ended))
            outer.append((ended, set_span_in_context(lap, Context())))

    def close(self) -> None:
        """Send what waits; what a collector does not take in time is lost."""
        self._provider.shutdown()


def address(endpoint: str) -> str:
    """The URL that takes spans: `endpoint` itself where it names a path, else the usual one there."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"tracing.endpoint: {endpoint!r} is not a URL; write http://localhost:4318")
    return endpoint if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}{PATH}"


def _carrier(served: ServedRequest) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in served.headers
        if name in (b"traceparent", b"tracestate")
    }


def _attributes(served: ServedRequest) -> dict[str, str | int]:
    """After the HTTP semantic conventions, and what is ours; only what is known."""
    listing = served.served_list
    attributes: dict[str, str | int] = {
        "http.request.method": "_OTHER" if served.method == "other" else served.method,
        "http.route": served.route,
        "http.response.status_code": served.status,
        "vlclip.request_id": served.request_id,
        "vlclip.caller": served.caller,
    }
    if listing is not None:
        attributes |= {
            "vlclip.list": listing.kind, "vlclip.arm": listing.arm, "vlclip.strategy": listing.strategy,
        }  # fmt: skip
    return {name: value for name, value in attributes.items() if value}


def _ns(served: ServedRequest, moment: float) -> int:
    """A moment of `time.perf_counter` in nanoseconds since 1970."""
    return served.time_ns + round((moment - served.began) * 1e9)
