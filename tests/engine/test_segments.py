"""A kind of segment is one row of a table, and the encoders fill those that are not learned."""

from __future__ import annotations

from vlclip.engine.encoding.embedder import SAME, describe
from vlclip.engine.segments import BEHAVIOUR, IMAGE, SEGMENT_KINDS, TEXT, is_encoded


def test_the_encoders_fill_the_segments_that_are_not_learned(tiny_clip):
    info = describe(str(tiny_clip), SAME, "english")
    assert set(info.space.names) == {name for name, kind in SEGMENT_KINDS.items() if not kind.is_learned}


def test_a_segment_that_no_row_names_is_learned():
    assert is_encoded(IMAGE.name)
    assert is_encoded(TEXT.name)
    assert not is_encoded(BEHAVIOUR.name)
    assert not is_encoded("taste of the season")
