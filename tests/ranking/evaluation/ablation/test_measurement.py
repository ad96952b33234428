"""Laws of the ablation, and figures that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlclip.engine.space import unit
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.attributes import (
    class_vectors,
    classes_of,
    prompts_for,
    score_attribute,
)
from vlclip.ranking.evaluation.ablation.boxes import judge_boxes, overlaps
from vlclip.ranking.evaluation.ablation.measurement import LEAST, Ablation, Encoded, Setup, ablate, per_item
from vlclip.ranking.evaluation.ablation.wearer import shows_wearer
from vlclip.ranking.evaluation.retrieval.neighbours import agreeing_share, chance_share, nearest_others
from vlclip.ranking.statistics.bootstrap import interval, means, ratio, resampled_means

N = 300
TITLES = [f"product {number}" for number in range(N)]


def noisy(vectors: np.ndarray, noise: float, seed: int) -> np.ndarray:
    return unit(vectors + noise * np.random.default_rng(seed).normal(size=vectors.shape))


@pytest.fixture(scope="module")
def products() -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(N, 16)))


@pytest.fixture(scope="module")
def base(products) -> Encoded:
    """Photos that say ever more of the product from full to box, and two texts of it."""
    return Encoded(
        {"full": noisy(products, 0.7, 1), "crop": noisy(products, 0.35, 2), "box": noisy(products, 0.25, 3)},
        {"raw": noisy(products, 0.5, 4), "refined": noisy(products, 0.4, 5)},
    )


def steps(table: Ablation) -> dict[tuple[str, str], object]:
    return {(step.change, step.setting): step.figure for step in table.steps}


def test_four_items_by_hand():
    # rows of texts are the axes, so text i scores photo j with its i-th number:
    #   text 0: .9 .1 .2 .3  own photo first          text 2: .1 .5 .4 .6  own third, after 3 and 1
    #   text 1: .3 .5 .8 .1  own second, after 2      text 3: .3 .6 .8 .2  own last
    photos = np.array([[9, 3, 1, 3], [1, 5, 5, 6], [2, 8, 4, 8], [3, 1, 6, 2]], np.float32) / 10
    four = Encoded({"full": photos}, {"raw": np.eye(4, dtype=np.float32)})
    figures = per_item(four, Setup("full", "raw", "base"), ["a", "b", "c", "d"], {})
    assert figures["hits@1"].tolist() == [1, 0, 0, 0]
    assert figures["hits@5"].tolist() == [1, 1, 1, 1]
    assert figures["mrr"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_a_photo_of_the_same_title_counts_as_found():
    # text 0 finds the photos 1 to 5 before its own; with the title of item 1 it has found it at once
    texts = np.eye(7, dtype=np.float32)
    photos = np.eye(7, dtype=np.float32)
    photos[:, 0] = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0]
    seven = Encoded({"full": photos}, {"raw": texts})
    alone = per_item(seven, Setup("full", "raw", "base"), list("abcdefg"), {})
    twin = per_item(seven, Setup("full", "raw", "base"), list("Aacdefg"), {})
    assert (alone["hits@5"][0], alone["hits@5_dup"][0]) == (0, 0)
    assert (twin["hits@5"][0], twin["hits@5_dup"][0]) == (0, 1)


def test_neighbours_by_hand():
    # at angles of 0, 10, 21 and 90 degrees: the nearest other of 0 is 1, of 1 it is 0, of 2 it is 1, of 3
    # it is 2
    angles = np.deg2rad([0, 10, 21, 90])
    line = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    nearest = nearest_others(line, 1)
    assert nearest[:, 0].tolist() == [1, 0, 1, 2]
    shares = agreeing_share(nearest, ["shoe", "shoe", "hat", ""])
    assert shares[:3].tolist() == [1, 1, 0]
    assert np.isnan(shares[3])
    assert chance_share(["shoe", "shoe", "hat", ""]) == pytest.approx((2 / 3) ** 2 + (1 / 3) ** 2)


def test_a_perfect_crop_closes_the_whole_gap_and_none_leaves_it(base):
    perfect = Encoded(base.photos | {"crop": base.photos["box"]}, base.texts)
    useless = Encoded(base.photos | {"crop": base.photos["full"]}, base.texts)
    for text in ("raw", "refined"):
        whole = steps(ablate({"base": perfect}, TITLES, {}))["gap", f"{text}, base"]
        none = steps(ablate({"base": useless}, TITLES, {}))["gap", f"{text}, base"]
        assert (whole.value, whole.low, whole.high) == (1, 1, 1)
        assert (none.value, none.low, none.high) == (0, 0, 0)


def test_there_is_no_share_of_a_gap_that_is_not_there(base):
    same = Encoded(dict.fromkeys(("full", "crop", "box"), base.photos["full"]), {"raw": base.texts["raw"]})
    (gap,) = (step for step in ablate({"base": same}, TITLES, {}).steps if step.change == "gap")
    assert gap.figure is None
    assert "no certain gap" in gap.why


def test_equals_have_a_ratio_of_exactly_one(base):
    same = Encoded(base.photos, {"raw": base.texts["raw"], "refined": base.texts["raw"]})
    table = ablate({"base": same, "tuned": same}, TITLES, {})
    changes = {step.change for step in table.steps}
    assert changes == {"gap", "crop", "refined", "tuned"}
    for step in table.steps:
        if step.change in {"refined", "tuned"}:
            assert (step.figure.value, step.figure.low, step.figure.high) == (1, 1, 1)


def test_rows_are_every_photo_text_and_model_there_is(base, products):
    table = ablate({"base": base, "tuned": base}, TITLES, {"colour": ["red", "blue"] * (N // 2)})
    assert len(table.rows) == 12
    assert table.rows[0].setup == Setup("full", "raw", "base")
    assert table.rows[0].over_first.value == 1
    plain = ablate({"base": Encoded({"full": products}, {"raw": products})}, TITLES, {})
    assert len(plain.rows) == 1
    assert plain.steps == ()
    assert {name for row in table.rows for name in row.figures} == {
        "hits@1", "hits@5", "hits@10", "mrr", "hits@5_dup", "colour@5",
    }  # fmt: skip


def test_every_interval_holds_its_figure(base):
    table = ablate({"base": base}, TITLES, {"colour": ["red", "blue", "green"] * (N // 3)})
    for row in table.rows:
        for figure in (*row.figures.values(), row.over_first):
            assert figure.low <= figure.value <= figure.high


def test_intervals_shrink_with_more_items():
    rng = np.random.default_rng(0)

    def width(n: int) -> float:
        hits = (rng.random((n, 1)) < 0.5).astype(float)
        figure = interval(hits.mean(), resampled_means(hits)[:, 0])
        return figure.high - figure.low

    assert width(5000) < width(500) < width(50)
    assert width(1000) == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(1000), rel=0.15)  # the normal one


def test_resamples_are_paired_and_leave_the_unknown_out():
    values = np.array([[1.0, 1.0, np.nan], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.5, 0.5, np.nan]])
    assert means(values) == pytest.approx([2.5 / 4, 2.5 / 4, 1 / 2])
    drawn = resampled_means(values)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    assert np.nanmin(drawn[:, 2]) == 0
    assert np.nanmax(drawn[:, 2]) == 1
    assert ratio(1.0, 0.0, drawn[:, 0], drawn[:, 1]) is None


def test_a_slice_asks_among_all_photos_and_small_ones_are_named(base):
    n = N // 2
    halves = ["clean"] * n + ["messy"] * (N - n - LEAST + 1) + ["rare"] * (LEAST - 1)
    table = ablate({"base": base}, TITLES, {}, {"title": halves, "all": ["x"] * N})
    assert [(part.name, part.value, part.n) for part in table.slices] == [
        ("title", "clean", n),
        ("title", "messy", N - n - LEAST + 1),
    ]
    assert table.too_small == (("title", "rare", LEAST - 1),)
    whole = per_item(base, Setup("full", "raw", "base"), TITLES, {})
    assert table.slices[0].rows[0].figures["mrr"].value == pytest.approx(whole["mrr"][:n].mean())


def test_the_stored_text_is_the_one_that_fits_the_photo_and_the_asking_one_is_not(products):
    # the refined texts of half the items are those of other items: queries suffer, what is stored does not
    worse = products.copy()
    worse[::2] = np.roll(products, 2, axis=0)[::2]
    items = Encoded({"full": products}, {"raw": products, "refined": worse}, np.ones(N, dtype=bool))
    kinds = [str(number % 7) for number in range(N)]
    raw = per_item(items, Setup("full", "raw", "base"), TITLES, {"kind": kinds})
    refined = per_item(items, Setup("full", "refined", "base"), TITLES, {"kind": kinds})
    assert raw["hits@1"].mean() == 1
    assert refined["hits@1"][::2].mean() < 0.1
    np.testing.assert_array_equal(raw["kind@5"], refined["kind@5"])
    unjudged = per_item(
        replace(items, judged=None), Setup("full", "refined", "base"), TITLES, {"kind": kinds}
    )
    assert (unjudged["kind@5"] != refined["kind@5"]).any()


def test_too_few_items_are_refused():
    few = Encoded({"full": np.eye(5, dtype=np.float32)}, {"raw": np.eye(5, dtype=np.float32)})
    with pytest.raises(EvaluationError, match="5 items are too few"):
        ablate({"base": few}, list("abcde"), {})


def test_boxes_by_hand():
    # the first overlaps by 50 of 150, the second is the true one, the third found nothing
    nothing = [np.nan] * 4
    detected = np.array([[0, 0, 10, 10], [5, 5, 9, 9], nothing])
    true = np.array([[5, 0, 15, 10], [5, 5, 9, 9], [0, 0, 4, 4]], float)
    assert overlaps(detected, true) == pytest.approx([1 / 3, 1, 0])
    quality = judge_boxes(detected, true, np.array([0.4, 0.8, np.nan]), [True, True, False])
    assert (quality.n, quality.with_truth, quality.cropped) == (3, 3, pytest.approx(2 / 3))
    assert quality.score == pytest.approx(0.4)
    assert quality.iou == pytest.approx(4 / 9)
    assert (quality.right, quality.right_cropped) == (pytest.approx(1 / 3), 0.5)
    unknown = judge_boxes(detected, np.full((3, 4), np.nan), np.zeros(3), [False] * 3)
    assert (unknown.with_truth, unknown.iou, unknown.right) == (0, None, None)


def test_attributes_by_hand():
    # photos of red things point along x, of blue ones along y; one blue thing looks red, one is neither
    values = ["red"] * 10 + ["blue"] * 12 + ["rare"]
    photos = np.array([[1, 0]] * 10 + [[0, 1]] * 11 + [[1, 0]] * 2, np.float32)
    classes = classes_of(values)
    assert classes == ["blue", "red"]
    score = score_attribute("colour", photos, values, classes, np.array([[0, 1], [1, 0]], np.float32))
    assert (score.n, score.classes) == (22, 2)
    assert score.majority == pytest.approx(12 / 22)
    assert score.accuracy.value == pytest.approx(21 / 22)
    # red: 10 of 11 named, 10 of 10 found: F1 20/21; blue: 11 of 11 named, 11 of 12 found: F1 22/23
    assert score.macro_f1 == pytest.approx((20 / 21 + 22 / 23) / 2)


def test_a_class_is_the_mean_of_its_prompts():
    def encode(texts):
        encoded_texts.extend(texts)
        return unit(np.arange(1, 2 * len(texts) + 1).reshape(-1, 2))

    encoded_texts: list[str] = []
    vectors = class_vectors("base_colour", ["Red", "Blue"], encode)
    prompts = prompts_for("base_colour")
    assert encoded_texts == [
        prompt.replace("{value}", value) for value in ("Red", "Blue") for prompt in prompts
    ]
    per_class = encode(encoded_texts.copy()).reshape(2, len(prompts), 2)
    np.testing.assert_allclose(vectors, unit(per_class.mean(axis=1)), atol=1e-6)
    assert prompts_for("sleeve length") != prompts
    assert all("{value}" in prompt for prompt in prompts_for("sleeve length"))


def test_a_wearer_is_as_tall_as_the_photo_and_has_skin():
    skin, shirt = (220, 170, 145), (40, 60, 160)
    worn = np.full((80, 60, 3), 255, np.uint8)
    worn[4:80, 15:45] = shirt
    worn[4:20, 25:35] = skin
    assert shows_wearer(worn)
    no_skin = worn.copy()
    no_skin[4:20, 25:35] = shirt
    assert not shows_wearer(no_skin)
    bag = np.full((80, 60, 3), 255, np.uint8)
    bag[20:60, 10:50] = skin
    assert not shows_wearer(bag)
    assert not shows_wearer(np.full((80, 60, 3), 255, np.uint8))
