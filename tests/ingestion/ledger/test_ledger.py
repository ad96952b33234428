import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.reading.entry import Entry

COUNTS = dict.fromkeys(("read", "embedded", "updated", "unchanged", "failed", "deleted"), 0)


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
    first, second = ledger.start("a.csv", "f"), ledger.start("a.csv", "f")
    ledger.claim(first, [("1", "x")])
    assert ledger.claim(second, [("1", "y")]) == ["first"]
    assert ledger.unclaimed(first, ["1", "2"]) == ["2"]
    ledger.finish(first, "complete", COUNTS)
    assert ledger.unclaimed(first, ["1", "2"]) == ["1", "2"]


def test_it_remembers_runs_and_dead_letters_across_openings(tmp_path):
    path = tmp_path / "new" / "ledger.sqlite"
    first = Ledger(path)
    run = first.start("a.csv", "f")
    first.dead_letters.bury(run, [failed(1, "a")])
    first.finish(run, "complete", {**COUNTS, "read": 3})
    first.start("b.csv", "f")
    first.close()
    again = Ledger(path)
    assert [(last.source, last.status, last.read) for last in again.runs()] == [
        ("b.csv", "interrupted", 0),
        ("a.csv", "complete", 3),
    ]
    assert again.dead_letters.count() == 1
    again.close()


def test_a_run_whose_process_was_killed_is_interrupted_and_one_that_lives_is_running(tmp_path):
    path = tmp_path / "ledger.sqlite"
    program = (
        "import sys, time; from pathlib import Path; from vlclip.ingestion.ledger.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); ledger.start('killed.csv', 'f')\n"
        "print('begun', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other, closing(Ledger(path)) as ledger:
        other.stdout.readline()
        ledger.start("own.csv", "f")
        assert [run.status for run in ledger.runs()] == ["running", "running"]
        assert ledger.count_runs() == {"running": 2}
        other.kill()
        other.wait()
        assert [(run.source, run.status) for run in ledger.runs()] == [
            ("own.csv", "running"),
            ("killed.csv", "interrupted"),
        ]
        assert ledger.count_runs() == {"running": 1, "interrupted": 1}
        ledger.finish(ledger.start("again.csv", "f"), "complete", COUNTS)
        assert len(list(tmp_path.glob("*.run-*"))) == 1


def test_a_ledger_of_an_older_version_counts_what_was_updated(tmp_path):
    path = tmp_path / "ledger.sqlite"
    first = Ledger(path)
    first.finish(first.start("a.csv", "f"), "complete", COUNTS)
    first.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("ALTER TABLE runs DROP COLUMN updated")
    older = Ledger(path)
    older.finish(older.start("b.csv", "f"), "complete", {**COUNTS, "updated": 3})
    assert [last.updated for last in older.runs()] == [3, 0]
    older.close()


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
    assert ledger.unclaimed(run, ["item-19999", "item-20000"]) == ["item-20000"]
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:  # claims are no part of it
        assert {name for (name,) in file.execute("SELECT name FROM sqlite_master")}.isdisjoint(
            {"seen", "doomed"}
        )
    ledger.close()


def test_the_folders_of_catalogues_are_told_the_latest_first(tmp_path):
    shards, single = tmp_path / "shards", tmp_path / "single"
    shards.mkdir()
    single.mkdir()
    (single / "items.csv").write_text("id\n1\n")
    ledger = Ledger(None)
    for source in (
        shards,
        single / "items.csv",
        tmp_path / "gone" / "items.csv",
        "items.csv",
        "/items.csv",
        shards,
    ):
        ledger.start(str(source), "fingerprint")
    assert ledger.folders() == [shards, single]
    ledger.close()
