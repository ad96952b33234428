"""Spans of requests."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from vlclip.engine.errors import SettingsError
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import StoreInfo
from vlclip.service.observing.middleware import ServedRequest
from vlclip.service.observing.tracing import Traces, address
from vlclip.service.settings import Tracing
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.stages import Lap, Stages

INFO = StoreInfo("f1", FusedSpace((Segment("image", 4),)), {"image": "tiny"})
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
START = 1_700_000_000_000_000_000
OURS = ("opentelemetry.sdk", "opentelemetry.exporter")


@pytest.fixture
def traced():
    """Gives the spans of what was served, by name."""
    closing = []

    def run(*served, **settings):
        exporter = InMemorySpanExporter()
        traces = Traces(Tracing(**settings), "1.0", INFO, SimpleSpanProcessor(exporter))
        closing.append(traces)
        for request in served:
            traces.observe(request)
        return {span.name: span for span in exporter.get_finished_spans()}

    yield run
    for opened in closing:
        opened.close()


def served(laps=(), status=200, traceparent="", route="/v1/search"):
    stages = Stages()
    stages.laps = list(laps)
    headers = [(b"x-api-key", b"vlclip_secret")]
    if traceparent:
        headers.append((b"traceparent", traceparent.encode()))
    listing = ServedList("l1", "search", "default", "content")
    return ServedRequest(
        "POST", route, status, START, 100.0, 100.5, "r1", "3f9c01ab", stages, listing, headers
    )


def test_a_request_is_a_server_span_with_its_stages_inside(traced):
    laps = [
        Lap("queue", 100.0, 100.1, None), Lap("encode", 100.1, 100.2, "rank"),
        Lap("search", 100.2, 100.4, "rank"), Lap("rank", 100.1, 100.45, None),
        Lap("serialise", 100.45, 100.5, None),
    ]  # fmt: skip
    spans = traced(served(laps))
    request = spans["POST /v1/search"]
    assert request.kind == SpanKind.SERVER
    assert dict(request.attributes) == {
        "http.request.method": "POST", "http.route": "/v1/search", "http.response.status_code": 200,
        "vlclip.request_id": "r1", "vlclip.caller": "3f9c01ab", "vlclip.list": "search",
        "vlclip.arm": "default", "vlclip.strategy": "content",
    }  # fmt: skip
    assert (request.start_time, request.end_time) == (START, START + 500_000_000)
    assert request.resource.attributes["service.name"] == "vlclip"
    assert request.parent is None
    under = {name: span.parent.span_id for name, span in spans.items() if span.parent}
    of = {name: span.context.span_id for name, span in spans.items()}
    assert {name for name, parent in under.items() if parent == of["POST /v1/search"]} == {
        "queue", "rank", "serialise",
    }  # fmt: skip
    assert under["encode"] == under["search"] == of["rank"]
    assert spans["search"].start_time == START + 200_000_000
    assert spans["search"].end_time == START + 400_000_000


def test_a_callers_trace_is_continued(traced):
    span = traced(served(traceparent=f"00-{TRACE}-{PARENT}-01"))["POST /v1/search"]
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT


@given(value=st.text(st.characters(max_codepoint=255), max_size=80))
def test_a_traceparent_that_is_none_begins_a_new_trace(value):
    exporter = InMemorySpanExporter()
    traces = Traces(Tracing(), "1.0", INFO, SimpleSpanProcessor(exporter))
    request = served()
    object.__setattr__(request, "headers", [(b"traceparent", value.encode("latin-1"))])
    traces.observe(request)
    traces.close()
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_the_caller_decides_and_else_the_share(traced):
    assert traced(served(), sample=0.0) == {}
    assert traced(served(traceparent=f"00-{TRACE}-{PARENT}-01"), sample=0.0)
    assert traced(served(traceparent=f"00-{TRACE}-{PARENT}-00"), sample=1.0) == {}


@pytest.mark.parametrize(("status", "code"), [(200, "UNSET"), (404, "UNSET"), (503, "ERROR")])
def test_what_the_server_is_to_blame_for_is_an_error(traced, status, code):
    assert traced(served(status=status))["POST /v1/search"].status.status_code == StatusCode[code]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("https://otlp.example/team/v1/traces", "https://otlp.example/team/v1/traces"),
    ],
)
def test_a_collector_is_named_with_or_without_its_path(endpoint, url):
    assert address(endpoint) == url


def test_an_endpoint_that_is_no_url_is_refused():
    with pytest.raises(SettingsError, match="http://localhost:4318"):
        address("localhost:4318")


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_where_tracing_is_off_nothing_of_it_is_imported():
    process = run("import sys, vlclip.service.api.app; print(*sys.modules)")
    # FastAPI brings the interface along
    assert "opentelemetry.trace" in process.stdout
    assert not [name for name in process.stdout.split() if name.startswith(OURS)]


def test_without_the_extra_it_says_what_to_install():
    process = run(
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from vlclip.engine.errors import SettingsError\n"
        "try:\n import vlclip.service.observing.tracing\n"
        "except SettingsError as error: print(error)"
    )
    assert 'pip install "vlclip[tracing]"' in process.stdout


def test_a_service_with_an_endpoint_sends_what_it_served(shop, monkeypatch):
    from fastapi.testclient import TestClient

    from vlclip.service.api.app import create_app

    exporter = InMemorySpanExporter()
    monkeypatch.setattr(
        "vlclip.service.observing.tracing.BatchSpanProcessor", lambda _: SimpleSpanProcessor(exporter)
    )
    traced = shop.settings.model_copy(update={"tracing": Tracing(endpoint="http://localhost:4318")})
    monkeypatch.setattr(shop, "settings", traced)
    shop.warm()
    TestClient(create_app(shop)).post("/v1/search", json={"text": "red shoe", "user": "anna"})
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {"POST /v1/search", "queue", "rank", "encode", "search", "serialise"} <= spans.keys()
    assert "anna" not in "".join(span.to_json() for span in spans.values())
    assert "red shoe" not in "".join(span.to_json() for span in spans.values())


def test_fastapis_own_spans_which_hold_paths_are_off(shop, monkeypatch):
    from fastapi.testclient import TestClient
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    from vlclip.service.api.app import create_app

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    assert trace.get_tracer_provider() is provider
    TestClient(create_app(shop)).get("/v1/users/anna/recommendations")
    assert exporter.get_finished_spans() == ()
