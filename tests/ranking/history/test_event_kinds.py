"""A kind of event is one row of a table, and everything else follows from it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from vlclip.ranking.errors import BadArm
from vlclip.ranking.experiments.outcome import outcome
from vlclip.ranking.history.event_kinds import EVENT_KINDS, PURCHASE, EventKind, default_weights
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import Profile, Rules, arm_of
from vlclip.ranking.lists.boosts import hidden
from vlclip.ranking.lists.popularity import Popularity
from vlclip.ranking.lists.profile import item_weights
from vlclip.service.http.requests import EventBody

NOW = 1_700_000_000.0
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def praise(monkeypatch):
    """A kind that the shipped table does not have."""
    kind = EventKind(name="praise", weight=1.5, label="praised", counts_as="click", is_sight=True)
    monkeypatch.setitem(EVENT_KINDS, kind.name, kind)
    return kind


def event_of(kind, item="i1", number=0):
    return Event(id=f"{kind}{number}{item}", kind=kind, item=item, time=NOW - 60, user="ann")


def test_a_kind_in_the_table_is_accepted_by_events_requests_and_arms(praise):
    event = event_of("praise")
    body = EventBody.model_validate({"kind": "praise", "item": "i1", "user": "ann"})
    assert body.event(NOW).kind == event.kind == "praise"
    assert arm_of({"profile": {"kinds": {"praise": 4}}}, "a test").profile.kinds == {"praise": 4.0}


def test_a_kind_in_the_table_weighs_in_profiles_and_in_popularity(praise, store):
    assert Profile().kinds == default_weights()
    weights = item_weights([event_of("praise")], {"i1": np.ones(3, np.float32)}, Profile())
    assert weights == {"i1": praise.weight}
    history = SqliteHistory(None)
    history.add([event_of("view", "i2"), event_of("praise", "i1")])
    shares = Popularity(store, history, lambda: NOW).get().shares
    assert shares == {"i1": 1.0, "i2": pytest.approx(EVENT_KINDS["view"].weight / praise.weight)}
    history.close()


def test_a_kind_in_the_table_counts_as_what_it_says(praise):
    assert outcome([event_of("praise")]) == outcome([event_of("click")])
    assert hidden([event_of("praise")], Rules(hide_seen=1)) == {"i1"}
    assert hidden([event_of("praise")], Rules(hide_bought=True)) == set()
    assert hidden([event_of(PURCHASE.name)], Rules(hide_bought=True, hide_seen=1)) == {"i1"}


def test_a_kind_that_no_row_has_is_refused():
    with pytest.raises(BadArm, match="it is one of view, click, cart, purchase, dislike"):
        arm_of({"profile": {"kinds": {"praise": 4}}}, "a test")
    with pytest.raises(ValueError, match="kind is 'praise'; it is one of view, click"):
        EventBody.model_validate({"kind": "praise", "item": "i1", "user": "ann"})


def test_a_kind_below_zero_is_a_dislike():
    assert [kind.name for kind in EVENT_KINDS.values() if kind.is_dislike] == ["dislike"]


def test_the_guides_name_every_kind_and_say_what_kinds_weigh():
    kinds = " ".join((DOCS / "history.md").read_text("utf-8").split())
    assert f"| `kind` | {', '.join(f'`{name}`' for name in EVENT_KINDS)} |" in kinds
    _, example = (DOCS / "profiles.md").read_text("utf-8").split("[profile.kinds]", 1)
    weights = tomllib.loads("[profile.kinds]" + example.split("```")[0])["profile"]["kinds"]
    assert weights.items() <= default_weights().items()
