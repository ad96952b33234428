"""Ids of a plan's file, whatever is in them."""

from __future__ import annotations

import csv
import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.loadtest.errors import BadPlan
from vlclip.loadtest.ids import read_ids
from vlclip.loadtest.session import Session, Shop

IDS = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
        lambda text: text == text.strip() and not text.startswith("\ufeff")
    ),
    min_size=1,
    unique=True,
)
ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_DISK
@given(IDS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_an_id_a_line_is_read_back_whatever_blanks_are_in_it(tmp_path, ids, end, encoding):
    (tmp_path / "ids.txt").write_bytes((end.join(ids) + end).encode(encoding))
    assert read_ids(tmp_path / "ids.txt") == ids


@ON_DISK
@given(IDS, st.sampled_from([",", ";", "\t"]))
def test_the_column_of_ids_is_read_back_from_a_table(tmp_path, ids, delimiter):
    with (tmp_path / "ids.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerows([["Title", "Product ID"], *(["a chair", item_id] for item_id in ids)])
    assert read_ids(tmp_path / "ids.csv") == ids


def test_a_quote_mark_in_a_tab_separated_file_is_a_character(tmp_path):
    (tmp_path / "ids.tsv").write_text('id\ttitle\n12" rack\ta\nb"\t6" pipe\n')
    assert read_ids(tmp_path / "ids.tsv") == ['12" rack', 'b"']


def test_a_table_without_ids_is_named_with_its_columns(tmp_path):
    (tmp_path / "ids.csv").write_text("colour,title\nred,chair\n")
    with pytest.raises(BadPlan, match=r"ids\.csv has no column 'id'; it has colour, title"):
        read_ids(tmp_path / "ids.csv")


@ON_DISK
@given(IDS)
def test_an_id_comes_whole_in_addresses_and_events(read, ids):
    session = Session(
        read("similar = 1", "similar = 1\nevents = 1"), Shop(ids, {"titles": ["red"]}), "run", 0
    )
    for _ in range(20):
        request = session.ask()
        if request.endpoint == "similar":
            parts = urlsplit(request.path).path.split("/")
            assert len(parts) == 5
            assert unquote(parts[3]) in ids
        else:
            assert json.loads(request.body)["events"][0]["item"] in ids
