"""What generators write down is what is read."""

from __future__ import annotations

import json
import os

import pytest

from tests.loadtest.conftest import record
from vlclip.loadtest.record import Recorder, probe_form, read_answer, read_records
from vlclip.loadtest.session import Ask

LIST = Ask("similar", "GET", "/v1/items/a/similar", is_probed=True)
EVENT = Ask("events", "POST", "/v1/events", b"{}")


def test_records_of_several_processes_come_back_in_order(tmp_path):
    mine = [record(at=3.0, probe={"ids": ["a"]}), record("events", at=1.0, event=("anna", "e1"), status=202)]
    recorder = Recorder(tmp_path)
    for entry in mine:
        recorder.write(entry)
    child = os.fork()
    if child == 0:
        recorder.write(record(at=2.0, status=0, error="no answer: gone"))
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(tmp_path.glob("requests-*.jsonl"))) == 2
    records = read_records(tmp_path)
    assert [entry.at for entry in records] == [1.0, 2.0, 3.0]
    assert records[0].event == ["anna", "e1"] or records[0].event == ("anna", "e1")
    assert records[2] == mine[0]
    assert [entry.is_good for entry in records] == [True, False, True]


def test_a_line_that_is_still_being_written_waits(tmp_path):
    Recorder(tmp_path).write(record())
    with next(tmp_path.glob("*.jsonl")).open("a") as file:
        file.write('{"endpoint": "sim')
    assert len(read_records(tmp_path)) == 1


def test_when_it_was_sent_and_done():
    entry = record(at=100.0, ms=250.0, late_ms=50.0)
    assert (entry.sent_at, entry.answered_at) == (100.05, 100.25)


def body(*ids):
    return json.dumps({"results": [{"id": entry} for entry in ids], "request_id": "r1"}).encode()


@pytest.mark.parametrize(
    ("ask", "status", "content", "wrong"),
    [
        (LIST, 200, body("a"), ""),
        (EVENT, 202, b'{"accepted": 1}', ""),
        (LIST, 200, body(), "an empty list"),
        (LIST, 200, b"<html>", "not a list"),
        (LIST, 200, b"[]", "not a list"),
        (LIST, 503, b"{}", "status 503"),
        (EVENT, 500, b"", "status 500"),
        (LIST, 0, b"", "no answer: ConnectionRefusedError"),
    ],
)
def test_an_answer_is_good_or_it_is_said_why_not(ask, status, content, wrong):
    assert read_answer(ask, status, content, "ConnectionRefusedError")[0] == wrong


def test_a_list_gives_its_ids_and_its_own_id():
    assert read_answer(LIST, 200, body("a", "b"), "") == ("", ["a", "b"], "r1")


def test_only_kept_requests_are_kept():
    assert probe_form(EVENT, []) is None
    assert probe_form(LIST, ["a"]) == {"method": "GET", "path": LIST.path, "body": "", "ids": ["a"]}
