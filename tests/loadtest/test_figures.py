"""Records become figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loadtest.conftest import record
from vlclip.loadtest.figures import by_endpoint, over_time, reasons
from vlclip.loadtest.plan import ENDPOINTS

RECORDS = st.lists(
    st.builds(
        record,
        endpoint=st.sampled_from(ENDPOINTS),
        at=st.floats(0, 99),
        ms=st.floats(0.1, 1e4),
        status=st.sampled_from([200, 200, 200, 500, 503, 0]),
    )
)


@given(RECORDS, st.booleans())
def test_all_holds_every_request_once_and_each_is_good_or_an_error_or_busy(records, allow_busy):
    figures = by_endpoint(records, 10, allow_busy=allow_busy)
    total = figures.pop("all")
    for name in ("requests", "errors", "busy"):
        assert getattr(total, name) == sum(getattr(point, name) for point in figures.values())
    good = sum(point.status == 200 for point in records)
    assert total.requests == len(records) == good + total.errors + total.busy
    assert total.rate_per_s == pytest.approx(good / 10)


def test_percentiles_are_those_of_the_good_answers():
    # 101 good answers of 0, 1, …, 100 ms have these percentiles exactly; refusals within 1 ms change nothing
    good = [record(ms=float(n)) for n in range(101)]
    refused = [record(ms=1.0, status=500) for _ in range(900)]
    figures = by_endpoint([*good, *refused], 10)["similar"]
    assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == (50, 95, 99)
    assert figures.error_share == pytest.approx(900 / 1001)
    assert by_endpoint(refused, 10)["similar"].p50_ms is None


def test_the_error_share_of_no_request_is_not_known():
    assert by_endpoint([], 10)["all"].error_share is None


def test_a_503_is_an_error_unless_it_is_allowed():
    records = [record(), record(status=503), record(status=500), record(status=200, error="an empty list")]
    strict, allowing = (by_endpoint(records, 1, allow_busy=allowed)["all"] for allowed in (False, True))
    assert (strict.errors, strict.busy) == (3, 0)
    assert (allowing.errors, allowing.busy) == (2, 1)


@given(RECORDS)
def test_over_time_every_request_is_in_one_point(records):
    points = over_time(records, 0, 100)
    assert len(points) == 100
    assert sum(point.requests_per_s for point in points) == pytest.approx(len(records))


@given(RECORDS, st.booleans())
def test_the_errors_over_time_are_those_of_the_figures(records, allow_busy):
    points = over_time(records, 0, 100, allow_busy=allow_busy)
    errors = by_endpoint(records, 100, allow_busy=allow_busy)["all"].errors
    assert sum(point.errors_per_s for point in points) == pytest.approx(errors)


def test_a_long_run_has_wider_points_with_the_same_rates():
    records = [record(at=n / 2) for n in range(2400)]  # two a second for twenty minutes
    points = over_time(records, 0, 1200)
    assert len(points) == 120
    assert {point.requests_per_s for point in points} == {2.0}
    assert points[1].at_s == 15


@pytest.mark.parametrize("seconds", [0.5, 30.05, 30.9, 1200.05])
def test_an_even_rate_is_even_over_time_also_at_the_end(seconds):
    records = [record(at=0.05 + n / 10) for n in range(int(10 * seconds))]  # the last within 0.1 s of the end
    rates = [point.requests_per_s for point in over_time(records, 0, seconds)]
    assert min(rates) > 9
    assert max(rates) < 11.1


def test_over_no_time_there_is_no_point():
    assert over_time([record()], 5, 5) == []


def test_errors_are_counted_by_what_they_say():
    records = [record(), record(status=500), record(status=500), record("search", error="an empty list")]
    assert reasons(records) == {"similar: status 500": 2, "search: an empty list": 1}
