"""Exposures and events for the tests: strategies that draw any, and a few made by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.history.events import Event

number = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=8)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | number | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
shown_items = st.builds(
    ShownItem,
    item=words,
    score=number,
    parts=st.dictionaries(st.sampled_from(["image", "text", "lexical", "my part"]), number),
    propensity=number,
    variants=st.lists(words, max_size=3).map(tuple),
)
exposure = st.builds(
    Exposure,
    request_id=words,
    time=st.floats(0, 1e10),
    kind=st.sampled_from(["similar", "search", "recommendations"]),
    unit=words,
    arm=words,
    items=st.lists(shown_items, max_size=4).map(tuple),
    experiment=words,
    context=st.dictionaries(words, json_value, max_size=3),
    offset=st.integers(0, 10_000),
    candidates=st.lists(st.tuples(words, number), max_size=4).map(tuple),
    temperature=number,
)
exposures = st.lists(exposure, max_size=6, unique_by=lambda each: each.request_id)


def a_list(request_id, unit="user:1", items="abc", time=0.0, arm="plain@1", experiment="e", **more):
    return Exposure(
        request_id=request_id,
        time=time,
        kind="similar",
        unit=unit,
        arm=arm,
        experiment=experiment,
        items=tuple(ShownItem(item, 1.5, {"image": 1.0, "text": 0.5}) for item in items),
        **more,
    )


def an_event(kind, request_id, item, time=1.0, value=None):
    an_event.count += 1
    return Event(
        id=f"e{an_event.count}", kind=kind, item=item, time=time, user="1", request_id=request_id, value=value
    )


an_event.count = 0
