"""Retrieval figures that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vlclip.engine.training.retrieval import text_to_image


def test_figures_by_hand():
    # rows are queries: 0 finds itself first, 1 finds itself second (after 2), 2 finds itself last
    texts = np.eye(3, dtype=np.float32)
    images = np.array([[0.9, 0.1, 0.3], [0.0, 0.5, 0.2], [0.1, 0.7, 0.1]], np.float32)
    # scores = texts @ images.T: row 0: .9 .0 .1; row 1: .1 .5 .7; row 2: .3 .2 .1
    figures = text_to_image(texts, images, ["a", "b", "c"])
    assert figures["n"] == 3
    assert figures["hits@1"] == pytest.approx(1 / 3)
    assert figures["hits@5"] == 1
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    # with items 1 and 2 of one title, query 1 counts item 2 as found, and query 2 finds item 1 second
    aware = text_to_image(texts, images, ["a", "b", "B"])
    assert aware["mrr"] == figures["mrr"]
    assert aware["mrr_dup"] == pytest.approx((1 + 1 + 1 / 2) / 3)
