"""Learned weights as an arm, and arms as files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.learning.test_rows import a_list
from tests.ranking.planted import PlantedEmbedder
from vlclip.engine.weights import HEAVIEST
from vlclip.ranking.learning.arm_file import arm_text, arm_weights, learned_arm
from vlclip.ranking.learning.rows import evidence
from vlclip.ranking.learning.weights import LearnedWeights
from vlclip.ranking.lists.arm import Arm, arm_of, read_arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.settings import Search
from vlclip.ranking.statistics.bootstrap import Figure

BASE = arm_of(
    {
        "id": "base",
        "profile": {"interests": 2, "kinds": {"view": 0.5}},
        "rules": {
            "boosts": [
                {"field": "sold", "weight": 0.2},
                {"field": "returned", "weight": -0.3, "half": 5},
                {"field": "returned", "weight": 0.1, "shape": "flag"},
            ],
            "include": ["available=true"],
        },
        "diversity": {"amount": 0.2, "at_most": {"brand": 3}},
        "exploration": {"temperature": 0.05},
    },
    "test",
)


def a_log(weights=None):
    items = [
        {"image": 0.9, "text": 0.1, "history": 0.2, "boost.sold": 0.1, "boost.returned": -0.1},
        {"image": 0.3, "text": 0.4, "history": 0.1, "boost.sold": 0.0, "boost.returned": -0.2},
    ]
    return evidence(
        [[a_list(items, weights or {"image": 1.0, "text": 0.5, "history": 0.3, "lexical": 1.0}, arm=BASE)]],
        BASE,
    )


def learned_with(log_evidence, **weights):
    """Learned weights with these values."""
    figures = {
        name: Figure(weights.get(name.replace(".", "_"), target), 0.0, 9.0)
        for name, target in zip(log_evidence.rows.names, log_evidence.rows.target.tolist(), strict=True)
    }
    return LearnedWeights(
        weights=figures, strength=1.0, figures={}, calibration=None, examination={}
    )  # an arm file needs no other figures


def test_what_is_in_force_makes_an_arm_that_ranks_alike():
    log_evidence = a_log()
    arm = learned_arm(BASE, log_evidence, learned_with(log_evidence), "same")
    assert arm.id == "same"
    assert arm.weights == {"image": 1.0, "text": 0.5, "history": 0.3, "lexical": 1.0}
    assert arm.model_copy(update={"weights": {}}).hash == BASE.hash


def test_learned_weights_take_the_place_of_those_in_force():
    log_evidence = a_log()
    # the history's feature is over the segments' sum, 1.5: 0.6 of it is a weight of 0.4
    learned = learned_with(log_evidence, image=0.6, text=0.9, history=0.6, boost_sold=0.1, boost_returned=0.2)
    assert arm_weights(log_evidence, learned)["history"] == Figure(pytest.approx(0.4), 0.0, 6.0)
    arm = learned_arm(BASE, log_evidence, learned, "new")
    assert arm.weights == {"image": 0.6, "text": 0.9, "history": 0.4, "lexical": 1.0}
    # both boosts of the part are halved; each keeps its sign and shape
    assert [boost.weight for boost in arm.rules.boosts] == pytest.approx([0.1, -0.15, 0.05])
    assert arm.rules.boosts[2].shape == "flag"
    assert arm.rules.include == ("available=true",)
    assert (arm.profile, arm.diversity, arm.exploration) == (
        BASE.profile, BASE.diversity, BASE.exploration
    )  # fmt: skip
    arm_with_boosts = learned_arm(BASE, log_evidence, learned, "new", keep_boosts=True)
    assert arm_with_boosts.rules == BASE.rules
    assert arm_with_boosts.weights == arm.weights


def test_a_learned_arm_changes_the_list(store, tmp_path):
    file = tmp_path / "arm.toml"
    log_evidence = a_log()
    base = replace(log_evidence, reference={"image": 1.0, "text": 1.0, "history": 0.3})
    arm = learned_arm(Arm(), base, learned_with(log_evidence, image=0.0, text=2.0, history=0.0), "text")
    file.write_text(arm_text(arm))
    shop = Recommender(store, PlantedEmbedder, Search())
    by_words = shop.similar("i1", weights={"image": 0, "text": 2}).results
    assert shop.similar("i1", arm=read_arm(file)).results == by_words
    assert shop.similar("i1").results != by_words


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
arms = st.builds(
    lambda weights, fields, labels, pins, temperature: arm_of(
        {
            "id": "any",
            "weights": weights,
            "profile": {"kinds": {"view": 0.5}},
            "rules": {"boosts": [{"field": field, "weight": -0.1} for field in fields], "pins": pins},
            "diversity": {"at_most": labels},
            "exploration": {"temperature": temperature},
        },
        "test",
    ),
    st.dictionaries(text, st.floats(0, HEAVIEST), max_size=3),
    st.lists(text, max_size=2),
    st.dictionaries(text, st.integers(1, 9), max_size=2),
    st.lists(text, max_size=2),
    st.floats(0, 1e300),
)


@given(arm=arms, comment=st.lists(st.text(max_size=20), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back_equal(tmp_path, arm, comment):
    file = tmp_path / "arm.toml"
    file.write_text(arm_text(arm, comment), encoding="utf-8")
    assert read_arm(file) == arm
    assert read_arm(file).hash == arm.hash


def test_a_file_reads_as_a_person_would_write_it():
    arm = arm_of({"id": "a", "weights": {"image": 1.0}, "rules": {"hide_seen": 3}}, "test")
    assert arm_text(arm, ["why"]) == '# why\nid = "a"\n\n[weights]\nimage = 1.0\n\n[rules]\nhide_seen = 3\n'
