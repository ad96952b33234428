import sqlite3
from contextlib import closing

import pytest

from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.pipeline.ledger import Ledger
from vlclip.ingestion.reading.entry import Entry

COUNTS = dict.fromkeys(("read", "embedded", "unchanged", "failed", "deleted"), 0)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def failed(row, item_id="", source="a.csv", reason="broken", **options):
    return Entry(source=source, row=row, id=item_id).failed("read", reason, **options)


def test_of_two_rows_with_one_id_the_first_claims_it(ledger):
    run = ledger.start("a.csv", "f")
    assert ledger.claim(run, [("1", "x"), ("2", "y"), ("1", "x")]) == ["first", "first", "repeated"]
    assert ledger.claim(run, [("2", "z"), ("3", "z")]) == ["conflicting", "first"]


def test_runs_do_not_see_each_others_claims(ledger):
    one, other = ledger.start("a.csv", "f"), ledger.start("a.csv", "f")
    ledger.claim(one, [("1", "x")])
    assert ledger.claim(other, [("1", "y")]) == ["first"]
    assert ledger.unseen(one, ["1", "2"]) == ["2"]
    ledger.finish(one, "complete", COUNTS)
    assert ledger.unseen(one, ["1", "2"]) == ["1", "2"]


def test_a_failure_again_is_the_same_dead_letter_with_one_more_attempt(ledger):
    ledger.bury(1, [failed(3, "a"), failed(4)])
    ledger.bury(2, [failed(5, "a", reason="worse"), failed(4)])
    letters = {letter.item_id: letter for letter in ledger.dead_letters()}
    assert (letters["a"].row, letters["a"].reason, letters["a"].attempts) == (5, "worse", 2)
    assert (letters[""].row, letters[""].attempts) == (4, 2)
    assert ledger.count_dead_letters() == 2


def test_a_success_drops_the_dead_letter_of_its_item_and_of_its_row(ledger):
    ledger.bury(1, [failed(1, "a"), failed(2), failed(3, "c")])
    ledger.resolve([Entry(source="a.csv", row=9, id="a"), Entry(source="a.csv", row=2, id="b")])
    assert [letter.item_id for letter in ledger.dead_letters()] == ["c"]


def test_a_second_row_of_an_id_is_buried_by_row_and_survives_the_first_ones_success(ledger):
    ledger.bury(1, [failed(7, "a", of_row=True)])
    ledger.resolve([Entry(source="a.csv", row=1, id="a")])
    assert [letter.row for letter in ledger.dead_letters()] == [7]


def test_a_row_that_repeats_its_item_is_well_but_says_nothing_of_the_item(ledger):
    ledger.bury(1, [failed(1, "a"), failed(7, "a", of_row=True)])
    ledger.resolve([Entry(source="a.csv", row=7, id="a", outcome="duplicate")])
    assert [letter.row for letter in ledger.dead_letters()] == [1]


def test_what_a_complete_run_did_not_meet_again_is_forgotten_but_not_in_other_catalogues(ledger):
    ledger.bury(1, [failed(1, "a"), failed(2, "b"), failed(1, "c", source="other.csv")])
    ledger.bury(2, [failed(2, "b")])
    ledger.forget_missing(2, ["a.csv"])
    assert {letter.item_id for letter in ledger.dead_letters()} == {"b", "c"}


def test_dead_letters_are_found_by_item_and_by_row(ledger):
    ledger.bury(1, [failed(1, "a"), failed(2)])
    entries = [Entry(source="a.csv", row=row, id=item_id) for row, item_id in ((5, "a"), (2, "b"), (3, "c"))]
    assert ledger.buried(entries) == [True, True, False]


def test_it_remembers_runs_and_dead_letters_across_openings(tmp_path):
    path = tmp_path / "new" / "ledger.sqlite"
    first = Ledger(path)
    run = first.start("a.csv", "f")
    first.bury(run, [failed(1, "a")])
    first.finish(run, "complete", {**COUNTS, "read": 3})
    first.start("b.csv", "f")
    first.close()
    again = Ledger(path)
    assert [(one.source, one.status, one.read) for one in again.runs()] == [
        ("b.csv", "running", 0),
        ("a.csv", "complete", 3),
    ]
    assert again.count_dead_letters() == 1
    again.close()


def test_a_damaged_file_says_that_it_can_be_deleted(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="delete it"):
        Ledger(path)


def test_a_closed_ledger_says_so(ledger):
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.runs()


def test_claims_are_kept_beside_the_file_and_go_with_the_run(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = ledger.start("a.csv", "f")
    for start in range(0, 20_000, 1000):
        ledger.claim(run, [(f"item-{n}", "d" * 32) for n in range(start, start + 1000)])
    assert ledger.unseen(run, ["item-19999", "item-20000"]) == ["item-20000"]
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:  # claims are no part of it
        assert {name for (name,) in file.execute("SELECT name FROM sqlite_master")}.isdisjoint(
            {"seen", "doomed"}
        )
    ledger.close()
