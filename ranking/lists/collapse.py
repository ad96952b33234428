"""Of results that show the same photo only the best is shown; the others are named beside it.

Laws (tests/ranking/lists/test_collapse.py):
- an item is shown unless it is near a better one that is shown; then it is folded into the best of these;
- what ranks below an item never changes whether it is shown, so page two continues page one;
- an item without a photo is always shown, and nothing is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlclip.engine.duplicates import pairs


def collapse(hashes: Mapping[str, str], max_distance: int, anchor: str = "") -> dict[str, list[str]]:
    """The ids to show, in order, each with the ids folded into it.

    `hashes` are those of the items' photos by id, best first, "" without one. Items whose photo is
    near the one of hash `anchor` are left out altogether.
    """
    photos = list(dict.fromkeys([anchor, *hashes.values()]))
    stands = list(range(len(photos)))
    for better, worse in zip(*pairs(photos, max_distance), strict=True):
        if stands[better] == better and stands[worse] == worse:
            stands[worse] = int(better)
    stand_in = dict(zip(photos, stands, strict=True))
    first: dict[int, str] = {}
    groups: dict[str, list[str]] = {}
    for item_id, photo in hashes.items():
        if photo and anchor and stand_in[photo] == stand_in[anchor]:
            continue
        if photo and stand_in[photo] in first:
            groups[first[stand_in[photo]]].append(item_id)
        else:
            first[stand_in[photo]] = item_id
            groups[item_id] = []
    return groups
