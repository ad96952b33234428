"""What all backends share, with a network that answers what a test tells it to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from vlclip.engine.grounding.dino import DinoGrounder, best, phrase_logits
from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.preprocessing import with_short_side


def resized(photo):
    """Keeps every photo's size."""
    return np.zeros((3, photo.height, photo.width), dtype=np.float32)


class Scripted:
    """Answers every photo with the same box; remembers what it was shown and asked."""

    def __init__(self, box=(0.5, 0.5, 1.0, 1.0)) -> None:
        self.box = box
        self.batches: list[tuple[tuple[int, ...], list[str]]] = []

    def __call__(self, pixels, prompts):
        self.batches.append((tuple(pixels.shape), list(prompts)))
        number = len(prompts)
        return np.zeros((number, 1)), np.tile(self.box, (number, 1, 1))


def photo(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height))


def test_photos_of_one_size_share_batches_and_others_do_not():
    network = Scripted()
    photos = [photo(60, 80), photo(80, 60), photo(60, 80), photo(60, 80), photo(80, 60)]
    detections = DinoGrounder("test", network, resized, batch=2).locate(photos, ["a", "b", "c", "d", "e"])
    assert network.batches == [
        ((2, 3, 80, 60), ["a.", "c."]),
        ((1, 3, 80, 60), ["d."]),
        ((2, 3, 60, 80), ["b.", "e."]),
    ]
    assert [detection.box for detection in detections] == [
        (0, 0, picture.width, picture.height) for picture in photos
    ]


def test_photos_without_a_type_and_photos_too_thin_are_not_looked_at():
    network = Scripted()
    photos = [photo(60, 80), photo(60, 80), photo(1, 51), photo(0, 10)]
    assert DinoGrounder("test", network, resized).locate(photos, ["", " . ", "a", "a"]) == [None] * 4
    assert network.batches == []


def test_a_thin_photo_gets_a_margin_that_no_box_counts():
    network = Scripted((0.5, 0.1, 1.0, 0.2))  # the upper fifth of what is shown
    detections = DinoGrounder("test", network, resized).locate([photo(80, 10)], ["a"])
    assert network.batches == [((1, 3, 20, 80), ["a."])]  # 80 by 10 is shown as 80 by 20
    assert detections == [Detection((0, 0, 80, pytest.approx(4, abs=1e-5)), 0.5)]


def test_a_score_is_the_sigmoid_of_the_best_logit():
    boxes = np.array([[0.5, 0.5, 0.2, 0.2], [0.25, 0.5, 0.5, 1.0]])
    assert best(np.array([-1.0, math.log(3)]), boxes, (40, 20)) == Detection(
        (0, 0, 20, 20), pytest.approx(0.75)
    )
    assert best(np.array([-2000.0, -math.inf]), boxes, (40, 20)).score == 0


def test_boxes_that_show_nothing_of_the_photo_are_passed_over():
    boxes = np.array(
        [
            [math.nan, 0.5, 0.2, 0.2],
            [math.inf, 0.5, 0.2, 0.2],
            [1.5, 0.5, 0.2, 0.2],  # beside the photo
            [0.5, 0.5, 0.0, 0.2],  # no width
            [0.5, 0.5, 0.2, 0.2],
        ]
    )
    logits = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert best(logits, boxes, (10, 10)).box == pytest.approx((4, 4, 6, 6))
    assert best(logits[:4], boxes[:4], (10, 10)) is None
    assert best(np.array([math.nan]), boxes[4:], (10, 10)) is None


def test_a_box_over_the_edge_ends_there():
    assert best(np.zeros(1), np.array([[0.0, 1.0, 1.0, 1.0]]), (10, 20)).box == (0, 10, 5, 20)


def test_only_the_tokens_of_the_phrase_have_a_say():
    tokens = np.array([[101, 7, 8, 1012, 102], [101, 9, 1012, 102, 0]])  # the second one is padded
    attended = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    logits = np.array([[[9, 1, 2, 9, 9, 9.0]], [[9, 3, 9, 9, 9, 9]]])
    assert phrase_logits(logits, tokens, attended).tolist() == [[2], [3]]
    assert phrase_logits(logits[..., :2], tokens, attended).tolist() == [[1], [3]]  # the model reads two
    no_phrase = np.array([[101, 1012, 102]])
    assert phrase_logits(np.ones((1, 1, 3)), no_phrase, np.ones((1, 3))).tolist() == [[-math.inf]]


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ({"shortest_edge": 800, "longest_edge": 1333}, {"shortest_edge": 400, "longest_edge": 666}),
        ({"height": 640, "width": 800}, {"height": 400, "width": 500}),
        ({"shortest_edge": 800, "longest_edge": None}, {"shortest_edge": 400}),
    ],
)
def test_a_short_side_scales_the_size_photos_are_seen_at(size, scaled):
    assert with_short_side(size, 400) == scaled
    assert with_short_side(size, None) == size
