"""The kinds of segments, as one table: the name and weight of each, and the origin of its vectors.

To add a segment, add a row here and a setting for its weight in `vlclip.ranking.settings`. A store may have
segments that no row names: these are learned, have weight 1, and are called by their own name.

Laws (tests/engine/test_segments.py, tests/ranking/lists/test_segments.py):
- every kind has a setting for its weight, and the setting's default is the table's;
- the encoders fill exactly the segments that are not learned;
- a segment that the table names may be weighed by an arm, also where the store does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentKind:
    """One kind of segment.

    `label` is its name for people, `weight` its weight by default. The vectors of a learned segment are
    looked up by item id (`vlclip.engine.encoding.lookup`), and only another item can query it. Those of the
    other segments are encoded, and words or photos query them.
    """

    name: str
    label: str
    weight: float = 1.0
    is_learned: bool = False

    @property
    def setting(self) -> str:
        """The name of the setting for its weight, in `[search]`."""
        return f"{self.name}_weight"


IMAGE = SegmentKind(name="image", label="photo")
TEXT = SegmentKind(name="text", label="words")
BEHAVIOUR = SegmentKind(name="behaviour", label="behaviour", is_learned=True)

SEGMENT_KINDS: dict[str, SegmentKind] = {kind.name: kind for kind in (IMAGE, TEXT, BEHAVIOUR)}
"""The table, by name."""


def is_encoded(name: str) -> bool:
    """Whether a segment's vectors come from an encoder; the others are learned per item."""
    return name in SEGMENT_KINDS and not SEGMENT_KINDS[name].is_learned
