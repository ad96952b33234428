"""What a service writes down."""

from __future__ import annotations

import io
import json
import logging
import re
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from vlclip.service.access.keys import add_key
from vlclip.service.api.app import create_app
from vlclip.service.observing.logs import MOST, PERIOD_S, Repeats, formatter, log_access, set_up
from vlclip.service.observing.middleware import ServedRequest
from vlclip.service.settings import Log, Settings
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.stages import Stages


def served(**changed):
    fields = {
        "method": "GET", "route": "/v1/items/{item_id}/similar", "status": 200, "time_ns": 0, "began": 1.0,
        "ended": 1.0123, "request_id": "r1", "caller": "3f9c01ab", "stages": Stages(),
        "served_list": ServedList("l1", "similar", "default", "content"), "headers": (),
    }  # fmt: skip
    return ServedRequest(**{**fields, **changed})


def test_an_access_line_worked_by_hand(lines):
    log_access(served())
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "request", "level": "info", "logger": "vlclip.access", "method": "GET",
        "route": "/v1/items/{item_id}/similar", "status": 200, "ms": 12.3, "request_id": "r1",
        "caller": "3f9c01ab", "list": "similar", "arm": "default", "strategy": "content",
    }  # fmt: skip


def test_without_a_key_or_a_list_a_line_says_nothing_of_them(lines):
    log_access(served(caller="", served_list=None))
    assert lines()[0].keys() == {
        "event", "level", "logger", "time", "method", "route", "status", "ms", "request_id",
    }  # fmt: skip


@given(message=st.text(), value=st.text(), name=st.sampled_from(["vlclip.api", "qdrant", "uvicorn.error"]))
def test_whatever_is_said_and_by_whom_a_line_is_one_json_object(message, value, name):
    record = logging.makeLogRecord(
        {"name": name, "levelno": 30, "levelname": "WARNING", "msg": "%s", "args": (message,), "value": value}
    )
    try:
        line = formatter(Log()).format(record)
    except UnicodeEncodeError:  # halves of characters, which nothing can write
        assert any("\ud800" <= sign <= "\udfff" for sign in message + value)
        return
    assert "\n" not in line
    assert json.loads(line) | {"time": ""} == {
        "event": message, "value": value, "level": "warning", "logger": name, "request_id": "-", "time": "",
    }  # fmt: skip


def test_a_stack_is_told_without_the_values_in_it(lines):
    text = "ANNA".lower()
    try:
        len(text) / 0
    except ZeroDivisionError:
        logging.getLogger("vlclip.api").exception("it broke")
    (line,) = lines()
    assert "ZeroDivisionError" in line["exception"]
    assert "anna" not in json.dumps(line)


def test_for_people_a_line_is_words(capsys):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(Log(format="console")))
    log = logging.getLogger("vlclip.test")
    log.addHandler(handler)
    try:
        log.warning("%d lost", 3)
        try:
            raise RuntimeError("a screw is loose")
        except RuntimeError:
            log.exception("it broke")
    finally:
        log.removeHandler(handler)
    text = written.getvalue()
    assert "3 lost" in text
    assert "a screw is loose" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["ours info", "ours warning", "theirs warning"]),
        ({"level": "warning"}, ["ours warning", "theirs warning"]),
        ({"level": "debug"}, ["ours debug", "ours info", "ours warning", "theirs warning"]),
    ],
)
def test_the_level_is_ours_and_libraries_speak_from_warning_up(monkeypatch, settings, expected):
    root, ours, written = logging.getLogger(), logging.getLogger("vlclip"), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    levels = root.level, ours.level
    set_up(Log(**settings), written)
    for name, whose in (("vlclip.new", "ours"), ("a.library", "theirs")):
        for level in ("debug", "info", "warning"):
            getattr(logging.getLogger(name), level)(f"{whose} {level}")
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == expected


def test_of_a_request_nothing_personal_is_written(filled, tmp_path, lines):
    import shutil

    shutil.copytree(filled, tmp_path / "store")
    secret, key = add_key(tmp_path / "store" / "records" / "keys.json", ["read", "write"])
    settings = Settings.load(store=str(tmp_path / "store"), device="cpu", log={"access": True})
    with TestClient(create_app(Shop(settings)), headers={"X-API-Key": secret}) as client:
        while client.get("/readyz").status_code != 200:
            pass
        client.get("/v1/users/anna/recommendations")
        client.post(
            "/v1/search", json={"text": "wedding dress", "user": "anna"}, headers={"X-Request-Id": "q"}
        )
        client.get("/v1/items/drawn-00001/similar", params={"user": "anna", "filter": "brand=secret"})
        client.get("/v1/items/anna")
    text = json.dumps(lines())
    for word in ("anna", "wedding", "secret", "drawn-", secret):
        assert word not in text
    (search,) = [line for line in lines() if line["request_id"] == "q"]
    assert (search["caller"], search["route"], search["status"]) == (key.id, "/v1/search", 200)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 20)), max_size=120))
def test_lines_of_one_place_are_few_a_minute_and_none_is_left_out_in_silence(steps):
    now = 0.0
    repeats = Repeats(lambda: now)
    sent, written = Counter(), {"a": [], "b": []}
    for place, pause in steps:
        now += pause
        record = logging.LogRecord("asyncio", logging.ERROR, place, 1, "socket %s is broken", (place,), None)
        sent[place] += 1
        if repeats.filter(record):
            written[place].append((now, record.getMessage()))
    for place, lines in written.items():
        began = [at for at, _ in lines]
        assert all(sum(at <= other < at + PERIOD_S for other in began) <= 2 * MOST for at in began)
        counted = [re.search(r"\((\d+) lines like it", line) for _, line in lines]
        left_out = sum(int(match[1]) for match in counted if match)
        assert len(lines) + left_out <= sent[place] <= len(lines) + left_out + max(0, sent[place] - MOST)


def test_access_lines_and_what_is_no_warning_are_never_left_out():
    repeats = Repeats(lambda: 0.0)
    for name, level in (("vlclip.access", logging.WARNING), ("asyncio", logging.INFO)):
        record = logging.LogRecord(name, level, "a", 1, "a line", (), None)
        assert all(repeats.filter(record) for _ in range(5 * MOST))
    lines = [
        logging.LogRecord("asyncio", logging.ERROR, "a", 1, "a line", (), (error, error(), None))
        for error in (ValueError, KeyError)
    ]
    assert [sum(repeats.filter(line) for _ in range(5 * MOST)) for line in lines] == [MOST, MOST]
