"""The hash of an arm changes with its knobs, and a wrong knob is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from vlclip.ranking.errors import BadArm
from vlclip.ranking.lists.arm import Arm, Boost, Diversity, Exploration, Profile, Rules, arm_of, read_arm

ROOT = Path(__file__).parents[3]

FULL = """
weights = {image = 1, text = 0.5}
[profile]
half_life = 8
kinds = {view = 0.5, purchase = 5.0}
[rules]
pins = ["b", "a"]
include = ["available=true"]
[[rules.boosts]]
field = "popularity"
weight = 0.1
half = 50
[diversity]
amount = 0.3
at_most.brand = 2
[exploration]
temperature = 0.05
"""
THE_SAME = """
id = "other"
exploration = {depth = 30, temperature = 5e-2}
diversity = {at_most = {brand = 2}, amount = 0.30}
profile.kinds.purchase = 5
profile.kinds.view = 0.5
profile.half_life = 8.0
weights.text = 0.5
weights.image = 1.0
[rules]
exclude = []
include = ["available=true"]
pins = ["b", "a"]
boosts = [{weight = 0.1, half = 50.0, shape = "rising", field = "popularity"}]
"""
ONE_BOOST = {"field": "stock", "weight": 1.0}
CHANGED = {
    "weights": [{"image": 1.0}, {"image": 0.0}, {"text": 1.0}],
    "profile.half_life": [6],
    "profile.interests": [2],
    "profile.events": [99],
    "profile.apart": [0.9],
    "profile.kinds": [{}, {"view": 1.0}, {"view": 2.0}],
    "rules.boosts": [
        [boost]
        for boost in (
            ONE_BOOST,
            ONE_BOOST | {"field": "age"},
            ONE_BOOST | {"weight": -1.0},
            ONE_BOOST | {"shape": "flag"},
            ONE_BOOST | {"half": 2},
        )
    ],
    "rules.include": [["available=true"], ["available=false"]],
    "rules.exclude": [["available=true"]],
    "rules.pins": [["a", "b"], ["b", "a"]],
    "rules.hide_history": [False],
    "rules.hide_bought": [True],
    "rules.hide_seen": [1, 2],
    "rules.group_by": ["group", "none"],
    "diversity.amount": [0.1, 1],
    "diversity.window": [10, 100],
    "diversity.at_most": [{"brand": 1}, {"brand": 2}, {"colour": 1}],
    "exploration.temperature": [0.1, 1],
    "exploration.depth": [49],
}


def read(tmp_path, text, name="plain"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return read_arm(path)


def with_knob(knob, value):
    form = value
    for part in reversed(knob.split(".")):
        form = {part: form}
    return arm_of(form, "a test")


def knobs(model: type[BaseModel], prefix="") -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        is_section = isinstance(field.default, Profile | Rules | Diversity | Exploration)
        names |= knobs(type(field.default), f"{name}.") if is_section else {prefix + name}
    return names


def test_equal_rankings_have_equal_hashes_however_they_are_written(tmp_path):
    arm, same_arm = read(tmp_path, FULL), read(tmp_path, THE_SAME, "another")
    assert (arm.id, same_arm.id) == ("plain", "other")
    assert arm.hash == same_arm.hash
    assert arm.model_copy(update={"id": "other"}) == same_arm
    assert re.fullmatch("[0-9a-f]{12}", arm.hash)


def test_any_other_value_of_any_knob_is_another_hash():
    assert set(CHANGED) == knobs(Arm) - {"id"}
    arms = [with_knob(knob, value) for knob, values in CHANGED.items() for value in values]
    assert len({arm.hash for arm in [Arm(), *arms]}) == len(arms) + 1


def test_the_hash_is_the_same_in_every_process():
    assert Arm().hash == "44136fa355b3"  # sha256 of {}


def test_an_arm_of_an_empty_file_says_nothing(tmp_path):
    arm = read(tmp_path, "")
    assert arm == Arm(id="plain")
    assert arm.hash == Arm().hash == read(tmp_path, "[rules]\nboosts = []\n[diversity]").hash
    assert not arm.weights
    assert not arm.rules.boosts
    assert arm.diversity.amount == arm.exploration.temperature == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("divresity = {}", "divresity"),
        ("[diversity]\namuont = 0.5", "diversity.amuont"),
        ("[diversity]\namount = 1.1", "diversity.amount"),
        ("[diversity]\namount = -0.1", "diversity.amount"),
        ("[diversity]\nat_most = {brand = 0}", "diversity.at_most.brand"),
        ("[exploration]\ntemperature = inf", "exploration.temperature"),
        ("[exploration]\ntemperature = -1", "exploration.temperature"),
        ("[exploration]\ndepth = 0", "exploration.depth"),
        ("weights = {image = -1}", "weights.image"),
        ("weights = {image = nan}", "weights.image"),
        ("[profile]\nhalf_life = 0", "profile.half_life"),
        ("[profile]\ninterests = 11", "profile.interests"),
        ("[profile]\nkinds = {buy = 1}", "profile.kinds.buy"),
        ("[[rules.boosts]]\nweight = 1", "rules.boosts.0.field"),
        ("[[rules.boosts]]\nfield = 'a'", "rules.boosts.0.weight"),
        ("[[rules.boosts]]\nfield = 'a'\nweight = 1\nshape = 'wide'", "rules.boosts.0.shape"),
        ("[[rules.boosts]]\nfield = 'a'\nweight = 1\nhalf = 0", "rules.boosts.0.half"),
        ("[[rules.boosts]]\nfield = 'a'\nweight = inf", "rules.boosts.0.weight"),
        ("[rules]\nhide_seen = -1", "rules.hide_seen"),
        ("[rules]\npins = 'a'", "rules.pins"),
        ("[rules]\ninclude = ['available']", "rules.include"),
        ("[rules]\nexclude = ['price<10']", "rules.exclude"),
        ("id = 'a b'", "id"),
    ],
)
def test_a_knob_that_does_not_exist_or_is_out_of_range_is_refused_by_name(tmp_path, text, named):
    with pytest.raises(BadArm, match=rf"plain\.toml: {re.escape(named)}\b"):
        read(tmp_path, text)


@pytest.mark.parametrize("content", [b"amount = ", b"\xff"])
def test_a_file_that_is_no_toml_is_refused_by_its_path(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(BadArm, match=re.escape(str(path))):
        read_arm(path)
    with pytest.raises(BadArm, match="missing"):
        read_arm(tmp_path / "missing.toml")
    with pytest.raises(BadArm, match="null byte"):
        read_arm(tmp_path / "a\0b.toml")


def test_an_arm_cannot_be_changed_once_it_is_read():
    with pytest.raises(ValueError, match="frozen"):
        Arm().diversity.amount = 1.0


def test_the_examples_in_the_docs_are_arms(tmp_path):
    examples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "ranking.md").read_text(), re.DOTALL)
    assert len(examples) > 3
    hashes = {read(tmp_path, example).hash for example in examples}
    assert len(hashes) == len(examples)
    assert Arm().hash not in hashes


def test_a_boost_needs_no_more_than_a_field_and_a_weight():
    assert Boost(field="stock", weight=0.1).shape == "rising"
