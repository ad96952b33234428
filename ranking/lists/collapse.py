"""Keeps the best of results with near-duplicate photos; the others are named beside it.

Laws (tests/ranking/lists/test_collapse.py):
- an item is shown unless a better item with a near photo is shown; then it is folded into the best of these;
- items that rank below an item never change whether it is shown, so page two continues page one;
- an item without a photo is always shown, and nothing is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlclip.engine.duplicates import pairs


def collapse(hashes: Mapping[str, str], max_distance: int, anchor: str = "") -> dict[str, list[str]]:
    """The ids to show, in order, each with the ids that are folded into it.

    `hashes` are the hashes of the items' photos by id, best first, "" without a photo. Items whose photo is
    near the photo with the hash `anchor` are left out.
    """
    photos = list(dict.fromkeys([anchor, *hashes.values()]))
    leaders = list(range(len(photos)))
    for better, worse in zip(*pairs(photos, max_distance), strict=True):
        if leaders[better] == better and leaders[worse] == worse:
            leaders[worse] = int(better)
    leader_of = dict(zip(photos, leaders, strict=True))
    first: dict[int, str] = {}
    groups: dict[str, list[str]] = {}
    for item_id, photo in hashes.items():
        if photo and anchor and leader_of[photo] == leader_of[anchor]:
            continue
        if photo and leader_of[photo] in first:
            groups[first[leader_of[photo]]].append(item_id)
        else:
            first[leader_of[photo]] = item_id
            groups[item_id] = []
    return groups
