"""Lists of many users, and the files they are written to."""

from __future__ import annotations

from contextlib import closing

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import BadTable, HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists import mailing
from vlclip.ranking.lists.answer import Answer, Page, Result
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.lists.mailing import UserList, list_form, make_lists, photo_url, read_users, users_of
from vlclip.ranking.lists.mailing_file import write_mailing
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.lists.variants import PriceRange, Variants
from vlclip.ranking.settings import Search

NOW = 1_700_000_000.0
USERS = [f"u{n}" for n in range(7)]
ON_DISK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None,
    max_examples=20,
)  # fmt: skip


@pytest.fixture
def history():
    """Every other user has two events; somebody who is not logged in has one."""
    with closing(SqliteHistory(None)) as opened:
        opened.add([
            Event(id=f"{user}-{n}", kind="view", item=f"i{place + 10 * n}", time=NOW - n, user=user)
            for place, user in enumerate(USERS) if place % 2 for n in range(2)
        ])  # fmt: skip
        opened.add([Event(id="s", kind="view", item="i1", time=NOW, session="nobody")])
        yield opened


@pytest.fixture
def shop(store, history):
    return Recommender(store, lambda: None, Search(), history, lambda: NOW)


def lists(shop, history, users=USERS, arm=PLAIN, **page):
    batches = make_lists(users, shop, history, arm=arm, page=Page(**page), weights={})
    return [item_list for batch in batches for item_list in batch]


def ids(answer):
    return [result.id for result in answer]


@pytest.mark.parametrize("arm", [PLAIN, Arm(exploration=Exploration(temperature=0.5, depth=20))])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_user_has_the_list_that_the_recommender_gives(shop, history, monkeypatch, arm, size):
    monkeypatch.setattr(mailing, "USERS", size)
    mailing_lists = lists(shop, history, arm=arm, limit=5)
    assert [item_list.user for item_list in mailing_lists] == USERS
    for item_list in mailing_lists:
        alone = shop.recommend(f"user:{item_list.user}", page=Page(limit=5), arm=arm)
        assert ids(item_list.answer) == ids(alone)
        assert item_list.is_fallback == (alone.strategy != "history")
    assert [item_list.is_fallback for item_list in mailing_lists] == [place % 2 == 0 for place in range(7)]


def test_a_filter_that_nothing_fits_leaves_empty_lists(shop, history, tmp_path):
    from vlclip.engine.filters import parse_json

    page = {"filter": parse_json({"colour": "nobody has it"}), "limit": 5}
    size = write_mailing(tmp_path / "a.jsonl", [lists(shop, history, **page)])
    assert (size.users, size.empty, size.items, size.fallbacks) == (7, 7, 0, 4)
    assert len(pl.read_ndjson(tmp_path / "a.jsonl")) == 7


def test_all_users_are_those_with_events_and_no_sessions(history):
    assert list(users_of(history)) == ["u1", "u3", "u5"]


@ON_DISK
@given(st.lists(st.sampled_from(USERS), unique=True, min_size=1), st.integers(1, 4), st.booleans())
def test_both_formats_and_both_shapes_hold_the_same(shop, history, tmp_path, users, limit, is_flat):
    mailing_lists = lists(shop, history, users, limit=limit)
    sizes = [
        write_mailing(tmp_path / name, [mailing_lists[:2], mailing_lists[2:]], is_flat=is_flat)
        for name in ("a.jsonl", "a.parquet")
    ]
    written = [orjson.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert pl.read_parquet(tmp_path / "a.parquet").to_dicts() == written
    assert sizes[0] == sizes[1]
    rows = written if is_flat else [row | item for row in written for item in row["items"]]
    assert [(row["user"], row["rank"], row["id"]) for row in rows] == [
        (item_list.user, rank, result.id)
        for item_list in mailing_lists
        for rank, result in enumerate(item_list.answer, 1)
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "a.parquet"}


def test_a_file_is_there_when_it_is_complete_and_not_before(shop, history, tmp_path):
    def batches():
        yield lists(shop, history)
        assert not (tmp_path / "a.parquet").exists()
        raise HistoryError("the history is gone")

    with pytest.raises(HistoryError, match="the history is gone"):
        write_mailing(tmp_path / "a.parquet", batches())
    assert not list(tmp_path.iterdir())
    with pytest.raises(HistoryError, match=r"must end in \.parquet or \.jsonl"):
        write_mailing(tmp_path / "a.csv", [])


@pytest.mark.parametrize(
    ("image", "base", "url"),
    [
        ("https://shop/a.jpg", "https://cdn/x/", "https://shop/a.jpg"),
        ("img/a.jpg", "https://cdn/x/", "https://cdn/x/img/a.jpg"),
        ("file:///img/a.jpg", "https://cdn", "https://cdn/img/a.jpg"),
        ("img/a.jpg", "", ""), (None, "https://cdn", ""), ("", "https://cdn", ""),
    ],
)  # fmt: skip
def test_a_photo_is_an_address_or_none(image, base, url):
    assert photo_url(image, base) == url


@given(
    st.one_of(st.none(), st.floats(0, 100)),
    st.lists(st.tuples(st.floats(0, 50), st.floats(50, 100)), max_size=3),
)
def test_a_product_has_its_own_price_or_the_lowest_of_its_variants(own, ranges):
    variants = Variants("G", 2, 2, (), prices=tuple(PriceRange(low, high, "EUR") for low, high in ranges))
    item = {"title": "Hat"} if own is None else {"title": "Hat", "price": own, "currency": "CHF"}
    answer = Answer((Result("G", 1.0, dict, item, variants=variants),), PLAIN)
    (line,) = list_form(UserList("anna", answer), "")["items"]
    if own is not None:
        assert (line["price"], line["currency"]) == (own, "CHF")
    elif ranges:
        assert (line["price"], line["currency"]) == (ranges[0][0], "EUR")
    else:
        assert (line["price"], line["currency"]) == (None, "")


@ON_DISK
@given(st.lists(st.text("ab 0ß@.", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_users_are_read_from_lines_and_tables_each_once(tmp_path, users):
    (tmp_path / "a.txt").write_text("\n".join([*users, "", users[0]]), encoding="utf-8-sig")
    pl.DataFrame({"email": users}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"who": users}).write_ndjson(tmp_path / "one.jsonl")
    expected = list(dict.fromkeys(users))
    assert read_users(tmp_path / "a.txt") == expected
    assert read_users(tmp_path / "a.parquet") == expected
    assert read_users(tmp_path / "one.jsonl") == expected
    for name, head in (("b.txt", ""), ("b.csv", "user\n")):
        (tmp_path / name).write_text(f"{head}anna\nJörg\n", encoding="cp1252")
        assert read_users(tmp_path / name, "cp1252") == ["anna", "Jörg"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "\n\n", "names no users"),
        ("a.csv", "colour,size\nred,1\n", "no column for the user; it has colour, size"),
        ("a.csv", "user,size\nNA,1\n", "names no users"),
    ],
)
def test_a_file_without_users_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadTable, match=message):
        read_users(tmp_path / name)
    with pytest.raises(BadTable, match="cannot be read"):
        read_users(tmp_path / "none.txt")
