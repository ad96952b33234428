import pytest

from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.reading.entry import Entry


@pytest.fixture
def letters():
    ledger = Ledger(None)
    yield ledger.dead_letters
    ledger.close()


def failed(row, item_id="", source="a.csv", reason="broken", **options):
    return Entry(source=source, row=row, id=item_id).failed("read", reason, **options)


def test_a_failure_again_is_the_same_dead_letter_with_one_more_attempt(letters):
    letters.bury(1, [failed(3, "a"), failed(4)])
    letters.bury(2, [failed(5, "a", reason="worse"), failed(4)])
    by_id = {letter.item_id: letter for letter in letters.latest()}
    assert (by_id["a"].row, by_id["a"].reason, by_id["a"].attempts) == (5, "worse", 2)
    assert (by_id[""].row, by_id[""].attempts) == (4, 2)
    assert letters.count() == 2


def test_a_success_drops_the_dead_letter_of_its_item_and_of_its_row(letters):
    letters.bury(1, [failed(1, "a"), failed(2), failed(3, "c")])
    letters.resolve([Entry(source="a.csv", row=9, id="a"), Entry(source="a.csv", row=2, id="b")])
    assert [letter.item_id for letter in letters.latest()] == ["c"]


def test_a_second_row_of_an_id_is_buried_by_row_and_survives_the_first_ones_success(letters):
    letters.bury(1, [failed(7, "a", of_row=True)])
    letters.resolve([Entry(source="a.csv", row=1, id="a")])
    assert [letter.row for letter in letters.latest()] == [7]


def test_a_row_that_repeats_its_item_is_well_but_says_nothing_of_the_item(letters):
    letters.bury(1, [failed(1, "a"), failed(7, "a", of_row=True)])
    letters.resolve([Entry(source="a.csv", row=7, id="a", outcome="duplicate")])
    assert [letter.row for letter in letters.latest()] == [1]


def test_what_a_complete_run_did_not_meet_again_is_forgotten_but_not_in_other_catalogues(letters):
    letters.bury(1, [failed(1, "a"), failed(2, "b"), failed(1, "c", source="other.csv")])
    letters.bury(2, [failed(2, "b")])
    letters.forget_missing(2, ["a.csv"])
    assert {letter.item_id for letter in letters.latest()} == {"b", "c"}


def test_dead_letters_are_found_by_item_and_by_row(letters):
    letters.bury(1, [failed(1, "a"), failed(2)])
    entries = [Entry(source="a.csv", row=row, id=item_id) for row, item_id in ((5, "a"), (2, "b"), (3, "c"))]
    assert letters.contains(entries) == [True, True, False]
