"""An endpoint that misbehaves in every way costs quality, never an item, and no more time than allowed."""

from __future__ import annotations

import json
import time

import pytest
import stamina

from tests.engine.refinement.endpoint import STOP, Raw, by_role, completion, scripted
from vlclip.engine.errors import RefinementError, SettingsError
from vlclip.engine.refinement.endpoint import seconds
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.refinement.refiner import AgentRefiner
from vlclip.engine.settings import Refinement

LINE = "turtle men's navy blue check shirt in cotton"
HTML = {"Content-Type": "text/html"}


def test_a_line_comes_back_with_what_it_cost(shirt, refining):
    with scripted(by_role(LINE)) as endpoint:
        refiner = refining(endpoint.url, api_key="hush")
        (text,) = refiner.refine([shirt], [None])
    assert (text.text, text.by, text.version, text.rounds) == (LINE, "llm", refiner.version, 1)
    assert (text.prompt_tokens, text.completion_tokens, text.fallback) == (200, 20, "")
    assert endpoint.roles() == ["summarizer", "evaluator"]
    assert endpoint.chats[0].authorization == "Bearer hush"
    assert endpoint.chats[0].body["model"] == "m"
    assert endpoint.chats[1].body["response_format"]["type"] == "json_schema"


PASSING = {
    "it answered 500": Raw(500, b"boom"),
    "it answered 429": Raw(429, b"{}"),
    "its answer is not a chat completion": Raw(200, b"<html>sign in</html>", HTML),
}


@pytest.mark.parametrize("reason", PASSING)
def test_what_may_pass_is_tried_again(shirt, refining, reason):
    answers = [PASSING[reason], LINE, PASSING[reason], STOP]
    with scripted(lambda _: answers.pop(0)) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert (text.text, text.by) == (LINE, "llm")
    assert len(endpoint.chats) == 4


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (Raw(500, b"boom"), "it answered 500", 2),
        (Raw(503, b"\xff" * 100_000), "it answered 503", 2),
        (Raw(429, json.dumps({"error": {"message": "slow"}}).encode()), "it answered 429", 2),
        (Raw(403, b"no"), "it answered 403", 1),
        (Raw(200, b""), "not a chat completion", 2),
        (Raw(200, b"null"), "not a chat completion", 2),
        (Raw(200, b'{"choices": []}'), "not a chat completion", 2),
        (Raw(200, b'{"choices": [{"message": {"content": ["a"]}}]}'), "not a chat completion", 2),
        (Raw(200, b"[" * 100_000), "not a chat completion", 2),
        (Raw(200, b"\x00\xff garbage", HTML), "not a chat completion", 2),
        (Raw(200, b"x" * 1_100_000), "too long", 2),
        (Raw(302, b"", {"Location": "/v1/chat/completions"}), "", 2),
    ],
)
def test_what_does_not_pass_falls_back_to_the_fields(shirt, refining, answer, reason, requests):
    with scripted(lambda _: answer) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert text.fallback.startswith("endpoint: ")
    assert reason in text.fallback
    assert (text.text, text.by) == ("Turtle Men Navy Blue Check Shirt", "fields")
    assert text.version == FieldRefiner().version, "so that the next run asks again"
    assert len(endpoint.chats) == requests or not reason


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "I'm sorry, I can't help with that.",
        "asdf qwer zxcv",
        "{}",
        completion(None),
        completion("x" * 9000),
    ],
)
def test_a_model_that_writes_nothing_usable_falls_back_for_good(shirt, refining, answer):
    reply = Raw(body=answer) if isinstance(answer, bytes) else answer
    with scripted(lambda _: reply) as endpoint:
        refiner = refining(endpoint.url, rounds=2)
        (text,) = refiner.refine([shirt], [None])
        (again,) = refiner.refine([shirt], [None])
    assert text.fallback.startswith("checks: ")
    assert (text.by, text.version, text.rounds) == ("fields", refiner.version, 2)
    assert again.cached
    assert endpoint.roles() == ["summarizer", "refiner", "refiner"], (
        "a fault the checks find costs no verdict"
    )


def test_an_evaluator_that_gives_no_verdict_is_asked_twice(shirt, refining):
    with scripted(by_role(LINE, "Looks fine to me! <STOP>")) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert text.fallback == "checks: the evaluator gave no verdict"
    assert endpoint.roles() == ["summarizer", "evaluator", "evaluator"]


def test_a_cut_answer_is_not_taken(shirt, refining):
    script = by_role(Raw(body=completion(LINE, "length")), STOP, "turtle check shirt")
    with scripted(script) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert text.text == "turtle check shirt"
    assert "cut off" in endpoint.chats[1].data("critique")


@pytest.mark.parametrize(
    "slow",
    [
        Raw(body=completion(LINE), after_s=5),
        Raw(body=completion(LINE), drip_s=0.02),
        Raw(500, b"x" * 1000, drip_s=0.02),
    ],
)
def test_the_deadline_holds_for_the_whole_answer_however_it_drips(shirt, refining, slow):
    stamina.set_testing(True, attempts=1)
    with scripted(lambda _: slow) as endpoint:
        began = time.monotonic()
        (text,) = refining(endpoint.url, timeout_s=0.3).refine([shirt], [None])
        assert time.monotonic() - began < 2
    assert text.fallback == "endpoint: no answer within 0.3 s"


def test_nobody_listening(shirt, refining):
    with scripted(by_role(LINE)) as endpoint:
        url = endpoint.url
    (text,) = refining(url).refine([shirt], [None])
    assert text.fallback.startswith("endpoint: the connection failed")


def test_a_wait_that_is_asked_for_is_kept(shirt, refining):
    stamina.set_testing(False)
    answers = [Raw(429, b"{}", {"Retry-After": "1"}), LINE, STOP]
    with scripted(lambda _: answers.pop(0)) as endpoint:
        began = time.monotonic()
        (text,) = refining(endpoint.url).refine([shirt], [None])
        assert time.monotonic() - began >= 1
    assert text.by == "llm"


def test_a_wait_of_an_hour_is_a_failure(shirt, refining):
    stamina.set_testing(False)
    with scripted(lambda _: Raw(429, b"{}", {"Retry-After": "3600"})) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert text.fallback == "endpoint: it answered 429"
    assert len(endpoint.chats) == 1


def test_retry_after_is_read_as_seconds_or_date():
    assert seconds("7") == 7
    assert seconds("Fri, 01 Jan 2999 00:00:00 GMT") > 1e9
    assert seconds("soon") == seconds("") == seconds("-3") == 0


def test_a_dead_endpoint_is_left_alone(shirt, refining):
    with scripted(lambda _: Raw(500)) as endpoint:
        texts = refining(endpoint.url, concurrency=1).refine([shirt] * 20, [None] * 20)
    assert len(endpoint.chats) <= 3 * 2
    assert all(text.by == "fields" for text in texts)
    assert (
        texts[-1].fallback
        == "endpoint: it failed several times in a row, so it is not asked again for a while"
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Raw(401, b"{}"), "refinement.api_key"),
        (Raw(404, b"{}"), "refinement.model"),
        (Raw(429, b'{"error": {"code": "insufficient_quota"}}'), "used up"),
    ],
)
def test_what_will_not_pass_for_any_item_stops_the_run(shirt, refining, answer, message):
    with scripted(lambda _: answer) as endpoint:
        refiner = refining(endpoint.url, concurrency=1)
        with pytest.raises(RefinementError, match=message):
            refiner.refine([shirt] * 9, [None] * 9)
    assert len(endpoint.chats) == 1


def test_options_an_endpoint_does_not_take_are_left_out_from_then_on(shirt, refining):
    def picky(chat):
        for name in ("response_format", "temperature", "max_tokens"):
            if name in chat.body:
                complaint = "bad request" if name == "response_format" else f"unsupported: {name}"
                return Raw(400, json.dumps({"error": {"message": complaint}}).encode())
        return STOP if chat.role == "evaluator" else LINE

    with scripted(picky) as endpoint:
        refiner = refining(endpoint.url, cache="")
        first = refiner.refine([shirt], [None])[0]
        tries = len(endpoint.chats)
        second = refiner.refine([shirt], [None])[0]
    assert first.text == second.text == LINE
    assert tries == 2 + 3
    assert len(endpoint.chats) == tries + 2
    assert endpoint.chats[-1].body["max_completion_tokens"] == 300


def test_the_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(RefinementError, match=r"pip install 'vlclip\[llm\]'"):
        AgentRefiner(Refinement(mode="llm", base_url="http://127.0.0.1:9/v1", model="m", cache=""))


@pytest.mark.parametrize("name", ["base_url", "model"])
def test_an_endpoint_that_is_not_named_is_asked_for(name):
    named = {"base_url": "http://127.0.0.1:9/v1", "model": "m", name: ""}
    with pytest.raises(SettingsError, match=rf"refinement\.{name}"):
        AgentRefiner(Refinement(mode="llm", cache="", **named))
