"""The photo decides, and the report counts."""

from __future__ import annotations

import numpy as np

from vlclip.engine.item import Item
from vlclip.engine.refinement.agreement import keep_better, settle
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.refinement.report import RefinementReport

NONE = [0.0, 0.0]
EAST, NORTH, BETWEEN = [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]


def test_a_text_stays_where_it_is_no_worse_than_the_raw_one():
    photos = np.array([EAST, EAST, EAST, NONE, EAST, EAST], dtype=np.float32)
    raw = np.array([NORTH, EAST, BETWEEN, EAST, NONE, EAST], dtype=np.float32)
    refined = np.array([EAST, BETWEEN, BETWEEN, NORTH, NORTH, NONE], dtype=np.float32)
    #  better, worse, equal, no photo, no raw text, nothing said
    assert keep_better(photos, raw, refined).tolist() == [True, False, True, True, True, False]


def test_no_items_no_decisions():
    empty = np.zeros((0, 4), dtype=np.float32)
    assert keep_better(empty, empty, empty).shape == (0,)


def test_what_is_not_kept_is_the_raw_text_again_and_counted():
    items = [Item(name, title=f"raw {name}") for name in "abcd"]
    texts = [
        Refined("line a", "llm", "v", rounds=1, prompt_tokens=200, completion_tokens=20),
        Refined("line b", "llm", "v", rounds=3, prompt_tokens=600, completion_tokens=60),
        Refined("fields c", "fields", "f", fallback="endpoint: it answered 500"),
        Refined("line d", "llm", "v", rounds=2, prompt_tokens=400, completion_tokens=40, cached=True),
    ]
    settled = settle(items, texts, [True, False, False, True])
    assert [text.text for text in settled] == ["line a", "raw b", "raw c", "line d"]
    assert [text.by for text in settled] == ["llm", "raw", "raw", "llm"]
    assert settled[1].version == "v"

    report = RefinementReport()
    report.add(settled[:2])
    report.add(settled[2:])
    assert report.as_dict() == {
        "items": 4, "by": {"llm": 2, "raw": 2}, "kept_share": 0.5, "refused": 2,
        "fallbacks": {"agreement": 1, "endpoint": 1}, "cached": 1, "rounds_per_item": round(4 / 3, 2),
        "prompt_tokens": 800, "completion_tokens": 80, "tokens_per_item": round(880 / 3, 1),
    }  # fmt: skip


def test_a_report_of_nothing():
    assert RefinementReport().as_dict()["kept_share"] == 1.0
