"""A whole log replayed: rows of all policies in pairs, every list accounted for."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, DRAWN, PLAIN, Front, an_arm
from tests.ranking.planted import INFO, planted_points
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.replay.logged_list import LATER_PAGE, NOTHING_SHOWN, PHOTO
from vlclip.ranking.evaluation.replay.policy import CANDIDATE_GONE, ArmPolicy, CallablePolicy
from vlclip.ranking.evaluation.replay.replayed import FEATURES, replay
from vlclip.ranking.experiments.outcome import Outcome
from vlclip.ranking.experiments.table import read_exposures, write_table
from vlclip.service.settings import Settings

OTHER = an_arm("other", weights={"image": 0.4}, exploration={"temperature": 0.2, "depth": 20})


@pytest.fixture
def log(front):
    """Some lists of each kind, of which some cannot be asked again."""
    front.did("click", "i9")
    for n in range(4):
        front.similar(f"i{10 + n}", limit=5 + n)
        front.search(f"red number{n}", unit=ANNA)
        front.recommend(ANNA)
    front.similar("i1", offset=10)
    front.similar("i2", PLAIN)
    exposure, outcomes = front.search("green")
    front.logged[-1] = replace(exposure, context={**exposure.context, "photo": True}), outcomes
    front.logged.append((replace(exposure, request_id="empty", items=(), candidates=()), ()))
    return front.logged


def test_the_arm_that_made_a_log_has_ratios_of_1_and_every_estimator_gives_what_was_seen(front, log):
    front.did("purchase", "i77", at=front.now)
    by_chance = [logged for logged in log if logged[0].arm.startswith("drawn")]
    (policy,) = replay(by_chance, [ArmPolicy(DRAWN, front.past())])
    lists = policy.log()
    np.testing.assert_allclose(lists.target, lists.propensity, rtol=1e-9)
    np.testing.assert_array_equal(lists.place_target, lists.place_propensity)
    clicks = lists.reward.sum(axis=1).mean()
    plain = [terms.plain for terms in compute_terms(lists) if terms.plain is not None]
    assert len(plain) == 3
    for column in plain:
        assert column.mean() == pytest.approx(clicks)
    assert policy.outside.max() == 0


def test_every_list_is_replayed_or_counted_with_a_reason(front, log):
    counts = []
    (policy,) = replay(log, [ArmPolicy(OTHER, front.past())], progress=counts.append)
    assert counts == list(range(1, len(log) + 1))
    assert policy.left_out == {LATER_PAGE: 1, PHOTO: 1, NOTHING_SHOWN: 1}
    assert len(policy.lists.request_ids) == 13 == len(log) - 3
    assert len(policy.own) == len(policy.outside) == 13
    assert policy.lists.is_drawn.sum() == 12


def test_the_columns_say_what_was_shown_and_what_came_of_it(front, log):
    log[1] = log[1][0], (Outcome(clicks=2, carts=1, purchases=1, value=9.5), *log[1][1][1:])
    (policy,) = replay(log[:3], [ArmPolicy(OTHER, front.past())])
    lists = policy.lists
    assert lists.kinds == ("recommendations", "search", "similar")
    assert lists.kind.tolist() == [2, 1, 0]
    assert lists.arms == (f"{DRAWN.id}@{DRAWN.hash}",)
    assert lists.words.tolist() == [0, 2, 0]
    assert lists.time.tolist() == [exposure.time for exposure, _ in log[:3]]
    assert str(lists.day[0]) == "2023-11-14"
    # the first is of nobody in particular, the others are Anna's
    assert lists.unit[1] == lists.unit[2] != lists.unit[0]
    assert lists.filled.sum(axis=1).tolist() == [5, 10, 10]
    assert lists.items[0] == tuple(each.item for each in log[0][0].items)
    assert [lists.reward[name][1, 0] for name in ("clicks", "carts", "purchases", "value")] == [1, 1, 1, 9.5]
    assert not lists.reward["clicks"][~lists.filled].any()
    for column in (lists.propensity, policy.target, policy.place_target):
        assert (column[~lists.filled] == 1).all()
    for n in range(3):
        ids = [item for item, _ in log[n][0].candidates]
        assert [ids[row] for row in lists.chosen[n, lists.filled[n]]] == list(lists.items[n])
        np.testing.assert_array_equal(lists.scores[n], [score for _, score in log[n][0].candidates])


def test_the_target_is_that_of_the_chosen_and_sums_to_1_over_the_candidates(front, log):
    (policy,) = replay(log[:12], [ArmPolicy(OTHER, front.past())])
    filled = policy.lists.filled
    np.testing.assert_allclose(policy.target_next.sum(axis=2)[filled], 1, rtol=1e-5)
    rows, places = np.nonzero(filled)
    chosen = policy.target_next[rows, places, policy.lists.chosen[filled]]
    np.testing.assert_allclose(policy.target[filled], chosen, rtol=1e-6)
    features = policy.features
    assert features.shape == (*policy.lists.is_candidate.shape, len(FEATURES))
    np.testing.assert_array_equal(features[:, :, 0], policy.lists.scores)
    np.testing.assert_array_equal(features[0, :3, 1], [0, 1, 2])
    np.testing.assert_array_equal(features[:, :, 2], policy.scores)


def test_what_an_arm_would_not_show_has_the_lowest_score_of_its_list_as_a_feature(front, log):
    blue = an_arm("blue", rules={"include": ["colour=blue"]})
    (policy,) = replay(log[:1], [ArmPolicy(blue, front.past())])
    own = policy.scores[0]
    assert np.isnan(own).any()
    np.testing.assert_array_equal(policy.features[0, :, 2], np.where(np.isnan(own), np.nanmin(own), own))


def test_replayed_together_policies_have_the_rows_they_have_alone(front, log):
    def policies():
        past = front.past()
        return [ArmPolicy(DRAWN, past), ArmPolicy(OTHER, past), ArmPolicy(PLAIN, past)]

    together = replay(log, policies())
    for number, joint in enumerate(together):
        (alone,) = replay(log, [policies()[number]])
        assert joint.name == alone.name
        assert joint.lists.request_ids == alone.lists.request_ids
        np.testing.assert_array_equal(joint.target, alone.target)
        np.testing.assert_array_equal(joint.place_target, alone.place_target)
        np.testing.assert_array_equal(joint.target_next, alone.target_next)
        np.testing.assert_array_equal(joint.outside, alone.outside)
        assert joint.own == alone.own


def test_a_list_that_one_policy_cannot_answer_is_left_out_of_all(front, log):
    mute = an_arm("mute", weights={"image": 0.0, "text": 0.0, "lexical": 1.0, "history": 0.0})
    past = front.past()
    first, second = replay(log[:6], [ArmPolicy(DRAWN, past), ArmPolicy(mute, past)])
    assert first.left_out == second.left_out
    assert sum(first.left_out.values()) == 4  # all but the two searches
    assert [first.lists.kinds[kind] for kind in first.lists.kind] == ["search"] * 2
    assert len(second.target) == 2


def test_lists_with_candidates_that_are_gone_are_counted(tmp_path, vectors, history):
    with closing(open_store(str(tmp_path / "s"), Settings.load(), INFO)) as store:
        store.upsert(planted_points(vectors)[:100])
        front = Front(store, history)
        logged = [front.similar(f"i{n}") for n in range(6)]
        deleted = logged[0][0].candidates[-1][0]
        store.delete([deleted])
        (policy,) = replay(logged[:1] + logged[1:], [ArmPolicy(DRAWN, front.past())])
        holding = [exposure for exposure, _ in logged if deleted in dict(exposure.candidates)]
        assert policy.left_out[CANDIDATE_GONE] == len(holding) >= 1
        with pytest.raises(EvaluationError, match=r"no list can be replayed; left out: 1 \(a candidate"):
            replay(logged[:1], [ArmPolicy(DRAWN, front.past())])


def test_read_from_a_table_a_log_is_replayed_the_same(front, log, tmp_path):
    path = tmp_path / "log.parquet"
    parts = sorted({name for exposure, _ in log for item in exposure.items for name in item.parts})
    write_table(path, [log], parts)
    (direct,) = replay(log, [ArmPolicy(OTHER, front.past())])
    (read,) = replay(read_exposures(path), [ArmPolicy(OTHER, front.past())])
    np.testing.assert_array_equal(direct.target, read.target)
    np.testing.assert_array_equal(direct.lists.reward["clicks"], read.lists.reward["clicks"])
    assert direct.left_out == read.left_out


def test_a_ranker_that_tells_no_probabilities_of_places_has_none(front, log):
    def same(exposure, candidates):
        return np.full((len(exposure.items), len(candidates)), 1 / len(candidates))

    first, second = replay(
        log[:3], [CallablePolicy("mine", same, gives="probabilities"), ArmPolicy(DRAWN, front.past())]
    )
    assert first.place_target is None
    assert first.log().place_propensity is None
    assert second.log().place_propensity is not None
    assert (first.target[first.lists.filled] == 1 / first.lists.is_candidate.sum(axis=1)[0]).all()
    assert first.log("value").reward.sum() == 0
