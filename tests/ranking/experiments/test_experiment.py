"""Which unit gets which arm, which units move when an arm is added, and the check of the counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import BadArm
from vlclip.ranking.experiments.experiment import ALARM, Experiment, read_experiment, sample_ratio
from vlclip.ranking.lists.arm import Arm

USERS = [f"user:{n}" for n in range(100_000)]
SOME = USERS[:20_000]


def an_experiment(*shares, salt="autumn", ids="abcdef"):
    arms = tuple(Arm(id=name) for name in ids[: len(shares)])
    return Experiment(id="autumn", salt=salt, arms=arms, shares=shares)


def dealt(experiment, users=SOME):
    return [experiment.assign(user).id for user in users]


def test_shares_are_kept_within_a_hundredth_over_a_hundred_thousand_users():
    counts = Counter(dealt(an_experiment(5, 3, 2), USERS))
    for arm, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
        assert counts[arm] / len(USERS) == pytest.approx(share, abs=0.01)
    assert sample_ratio([counts[arm] for arm in "abc"], [5, 3, 2]) > ALARM


units = st.text(min_size=1, max_size=20)
shares = st.lists(st.floats(0.01, 100), min_size=1, max_size=4)


@given(units, shares, st.floats(0.01, 100))
def test_where_an_arm_is_added_a_unit_stays_or_moves_to_it(unit, before, share):
    old, new = an_experiment(*before), an_experiment(*before, share)
    assert new.assign(unit).id in {old.assign(unit).id, new.arms[-1].id}


@given(units, shares, st.floats(0.01, 100), st.randoms())
def test_neither_the_scale_of_the_shares_nor_the_order_of_the_arms_matters(unit, given_shares, scale, random):
    plain = an_experiment(*given_shares)
    scaled = an_experiment(*(share * 2 ** round(scale) for share in given_shares))
    assert scaled.assign(unit) == plain.assign(unit)
    order = random.sample(range(len(given_shares)), len(given_shares))
    mixed = an_experiment(*(given_shares[n] for n in order), ids=[plain.arms[n].id for n in order])
    assert mixed.assign(unit) == plain.assign(unit)


def test_an_added_arm_takes_its_share_from_each_of_the_others_and_no_more():
    before, after = dealt(an_experiment(1, 1)), dealt(an_experiment(1, 1, 2))
    moved = Counter(old for old, new in zip(before, after, strict=True) if old != new)
    # the new arm has half of the shares, so it gets half of each other arm's units: a quarter of all
    for arm in "ab":
        assert moved[arm] / len(SOME) == pytest.approx(0.25, abs=0.01)


def test_another_salt_deals_anew_and_changed_knobs_move_nobody():
    first, other = dealt(an_experiment(1, 1)), dealt(an_experiment(1, 1, salt="winter"))
    same = sum(arm == arm_later for arm, arm_later in zip(first, other, strict=True))
    assert same / len(SOME) == pytest.approx(0.5, abs=0.02)
    plain = an_experiment(1, 1)
    changed = Experiment(
        id="autumn", salt="autumn", arms=(Arm(id="a", weights={"text": 2}), plain.arms[1]), shares=(1, 1)
    )
    assert dealt(changed) == first


def test_nobody_in_particular_has_the_first_arm():
    assert an_experiment(1, 1e9).assign("").id == "a"


def test_an_experiment_is_read_from_its_file_with_arms_beside_it_or_in_it(tmp_path):
    (tmp_path / "plain.toml").write_text("")
    file = tmp_path / "text.toml"
    file.write_text(
        'id = "more-text"\n[[arms]]\nfile = "plain.toml"\nshare = 2\n'
        '[[arms]]\nid = "text"\nshare = 1\nweights = {text = 2}\n'
    )
    experiment = read_experiment(file)
    assert (experiment.id, experiment.salt, experiment.shares) == ("more-text", "more-text", (2, 1))
    assert experiment.arms == (Arm(id="plain"), Arm(id="text", weights={"text": 2}))
    file.write_text(f'salt = "spring"\n{file.read_text()}')
    assert read_experiment(file).salt == "spring"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "id"),
        ('id = "e"\narms = []', "arms"),
        ('id = "e"\n[[arms]]\nid = "a"', "share"),
        ('id = "e"\n[[arms]]\nid = "a"\nshare = 0', "share"),
        ('id = "e"\n[[arms]]\nid = "a"\nshare = inf', "share"),
        ('id = "e"\n[[arms]]\nid = "a"\nshare = 1e308\n[[arms]]\nid = "b"\nshare = 1e308', "share"),
        ('id = "e"\n[[arms]]\nid = "a"\nshare = 1\n[[arms]]\nid = "b"\nshare = 1e-320', "share"),
        ('id = "e"\n[[arms]]\nshare = 1\nfile = "a\\u0000b"', "cannot be read"),
        ('id = "e"\nsize = 3\n[[arms]]\nshare = 1', "size"),
        ('id = "e"\n[[arms]]\nshare = 1\nsharp = 2', "sharp"),
        ('id = "e"\n[[arms]]\nshare = 1\nfile = "a.toml"\nweights = {text = 2}', "weights"),
        ('id = "e"\n[[arms]]\nshare = 1\nfile = "absent.toml"', "absent.toml"),
        ('id = "e"\n[[arms]]\nshare = 1\n[[arms]]\nshare = 1', "id of its own"),
        ("id = ", "cannot be read"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused_by_name(tmp_path, text, says):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(BadArm, match=says):
        read_experiment(file)


def test_the_check_of_the_counts_is_chi_square():
    # expected 50, 50: (10² + 10²) / 50 = 4; chi-square with 1 degree of freedom is over 4 in 4.55 %
    assert sample_ratio([60, 40], [1, 1]) == pytest.approx(0.0455003)
    # expected 50, 30, 20: 25/50 + 25/30 + 0 = 4/3; with 2 degrees p = exp(-(4/3) / 2)
    assert sample_ratio([55, 25, 20], [5, 3, 2]) == pytest.approx(0.5134171)
    assert sample_ratio([50, 50], [3, 3]) == pytest.approx(1)
    assert sample_ratio([5400, 4600], [1, 1]) < ALARM


def test_with_one_arm_or_no_units_there_is_nothing_to_alarm_about():
    assert sample_ratio([7], [1]) == 1
    assert sample_ratio([0, 0], [1, 1]) == 1
