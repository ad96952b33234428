"""Columns by the operator's word, by their names and by what they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.tables.columns import TIME, Guess, choose_columns, parse_mapping

GUESSES = (
    Guess("user", ("userid", "user")),
    Guess("item", ("itemid", "id")),
    Guess(TIME, ("time", "eventdate")),
)
FIELDS = [guess.field for guess in GUESSES]
EPOCH = 1_569_888_000


def choose(sample, *options):
    columns = list(dict.fromkeys(column for row in sample for column in row))
    return choose_columns(columns, sample, GUESSES, parse_mapping(options, FIELDS), "log.csv")


def row(**cells):
    return {"user": "u", "id": "1", **cells}


@given(
    st.permutations(["User_ID", "user", "id", "time", "colour"]), st.sampled_from(["user", "id", "colour"])
)
def test_a_given_column_wins_over_a_guess_and_every_column_is_named(columns, given_column):
    sample = [dict.fromkeys(columns, "x")]
    chosen = choose(sample, f"user={given_column}")
    assert chosen["user"] == given_column
    used = [column for names in chosen.by_field.values() for column in names]
    assert sorted([*used, *chosen.unused]) == sorted(columns)
    assert all(column in chosen.describe() for column in columns)


def test_the_likeliest_name_wins_whatever_its_case_and_punctuation():
    chosen = choose([{"user": "u", "User-ID": "v", "ID": 1}])
    assert chosen["user"] == "User-ID"
    assert chosen["item"] == "ID"
    assert chosen[TIME] == ""


@pytest.mark.parametrize("absent", ["NA", "", None, float("nan"), "null"])
def test_a_column_of_nothing_is_not_guessed_where_another_has_values(absent):
    assert choose([{"userid": absent, "user": "u", "id": 1}] * 3)["user"] == "user"
    assert choose([{"userid": absent, "id": 1}])["user"] == "userid"


TIMES = [EPOCH, EPOCH * 1000, EPOCH * 10**6, str(EPOCH), "2019-10-01", "2019-10-01 00:00:00 UTC", 20191001]


@pytest.mark.parametrize("cell", TIMES)
def test_a_column_that_holds_times_is_taken_by_its_name_or_refused(cell):
    assert choose([row(happened_at=cell)])[TIME] == "happened_at"
    with pytest.raises(EvaluationError, match=r"'when' may be the time.*--map time=when.*--map time=$"):
        choose([row(when=cell)])
    assert choose([row(when=cell)], "time=when")[TIME] == "when"
    assert choose([row(when=cell)], "time=")[TIME] == ""


@pytest.mark.parametrize("name", ["position", "Position in session", "ORDER", "seq", "click_number"])
def test_a_column_that_numbers_rows_is_not_passed_over_where_there_is_no_time(name):
    numbered = [row(**{name: cell}) for cell in (3, "1", 2)]
    message = rf"'{name}' may be the order; take it with --map time={name}, or .* --map time=$"
    with pytest.raises(EvaluationError, match=message):
        choose(numbered)
    assert choose(numbered, f"time={name}")[TIME] == name
    assert choose(numbered, "time=")[TIME] == ""
    assert choose([row(time=EPOCH, **{name: 3})])[TIME] == "time"
    assert choose([row(**{name: "first"})])[TIME] == ""


def test_of_two_that_may_be_the_time_none_is_chosen():
    with pytest.raises(EvaluationError, match="'sent_at', 'read_at' may be the time"):
        choose([row(sent_at=EPOCH, read_at=EPOCH)])
    with pytest.raises(EvaluationError, match=r"'eventdate', 'at' may be the time; say .*--map time=at$"):
        choose([row(eventdate="2019-10-01", at=EPOCH + 60)])


@pytest.mark.parametrize(
    ("name", "cell"), [("timeframe", 30_000), ("started", "14:05"), ("clock", "14:05:01")]
)
def test_a_date_takes_the_time_of_the_day_beside_it(name, cell):
    chosen = choose([row(eventdate="2019-10-01", **{name: cell})])
    assert chosen.by_field[TIME] == ("eventdate", name)
    assert f"time ← eventdate, then {name}" in chosen.describe()
    assert choose([row(a="2019-10-01", b=cell)], "time={a} {b}").by_field[TIME] == ("a", "b")


def test_a_moment_needs_no_time_of_the_day():
    assert choose([row(time="2019-10-01 10:00", clock="10:00")]).by_field[TIME] == ("time",)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("user", "cannot read the mapping 'user'"),
        ("usr=user", "no field 'usr' here; there are: user, item, time"),
        ("user=usr", "user=usr: log.csv has no such column; did you mean 'user'"),
        ("user=qqqq", "no such column; it has user, id"),
    ],
)
def test_a_slip_is_answered_with_what_there_is(option, message):
    with pytest.raises(EvaluationError, match=message):
        choose([row()], option)
