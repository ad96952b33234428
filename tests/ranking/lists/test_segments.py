"""What a segment weighs and is called follows from the table of segments."""

from __future__ import annotations

import pytest

from tests.ranking.planted import PlantedEmbedder
from vlclip.engine.errors import SpaceError
from vlclip.engine.segments import SEGMENT_KINDS, SegmentKind
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search


def test_every_kind_of_segment_has_a_setting_with_its_weight():
    for kind in SEGMENT_KINDS.values():
        assert Search.model_fields[kind.setting].default == kind.weight
        assert Search().part_weight(kind.name) == kind.weight
    assert Search(text_weight=0.25).part_weight("text") == 0.25
    assert Search().part_weight("season") == 1.0


def test_an_arm_may_weigh_a_kind_of_segment_that_this_store_does_not_have(store, monkeypatch):
    recommender = Recommender(store, PlantedEmbedder, Search())
    arm = Arm(weights={"season": 2.0})
    with pytest.raises(SpaceError, match="no weight named 'season' here"):
        recommender.similar("i1", arm=arm)
    monkeypatch.setitem(SEGMENT_KINDS, "season", SegmentKind(name="season", label="season", is_learned=True))
    answer = recommender.similar("i1", arm=arm)
    assert "season" not in answer.weights
    assert [result.id for result in answer] == [result.id for result in recommender.similar("i1")]
