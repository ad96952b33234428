"""The formats that ship."""

from __future__ import annotations

import pytest

from tests.ranking.history.intake import logs
from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.intake.preset import PLAIN, choose_preset, plain_name, presets
from vlclip.ranking.history.intake.shape import FIELDS
from vlclip.ranking.tables.times import NAMES


def test_every_preset_speaks_of_fields_kinds_and_units_that_there_are():
    assert set(presets()) == set(logs.ROWS)
    for preset in presets().values():
        assert set(preset.columns) <= set(FIELDS)
        assert set(preset.kinds.values()) | {preset.every_kind or "view"} <= set(EVENT_KINDS)
        assert preset.time_unit in {"", *NAMES}
        assert preset.title


@pytest.mark.parametrize("name", logs.ROWS)
def test_a_file_with_the_signs_of_a_format_is_recognised_as_that_one(name):
    columns = list(logs.ROWS[name](("purchase", "u", "i", 1_600_000_000)))
    assert choose_preset("auto", columns).name == name
    assert [preset.name for preset in presets().values() if preset.is_of(columns)] in ([name], [])


def test_an_unknown_format_is_named_with_those_there_are():
    assert choose_preset("hm", []).name == "hm"
    assert choose_preset("auto", ["a"]).name == PLAIN
    with pytest.raises(BadTable, match=r"no format 'ga5' of events; there are: auto, ga4, hm"):
        choose_preset("ga5", [])


def test_names_are_compared_without_case_and_punctuation():
    assert plain_name("Product Viewed") == plain_name("product_viewed") == plain_name("productViewed")
