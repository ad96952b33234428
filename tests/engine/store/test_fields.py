"""How many payload fields get an index, and which."""

from __future__ import annotations

from vlclip.engine.store.fields import LACKS, MAX_FIELDS, new_kinds


def test_fields_are_indexed_first_come_first_served_up_to_the_limit():
    wide = {f"a{n}": "x" for n in range(MAX_FIELDS + 50)}
    kinds = new_kinds([{"brand": "b"}, wide], {})
    assert len(kinds) == MAX_FIELDS
    assert list(kinds)[:2] == ["brand", "a0"]
    assert new_kinds([{"late": 1.0}], kinds) == {}


def test_the_stores_own_field_is_indexed_whatever_else_there_is():
    full = dict.fromkeys((f"a{n}" for n in range(MAX_FIELDS)), "keyword")
    assert new_kinds([{"late": 1.0, LACKS: ["image"]}], full) == {LACKS: "keyword"}
