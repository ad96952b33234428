"""The agent's rounds, and the laws of a run: every item a text, budget, resume, cache."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest

from tests.engine.refinement.endpoint import STOP, Raw, by_role, scripted
from tests.engine.refinement.test_messages import jpeg
from vlclip.engine.errors import BudgetSpent, RefinementError
from vlclip.engine.item import Item
from vlclip.engine.photos.room import ROOM, Limits
from vlclip.engine.refinement import FieldRefiner, Refined, load_refiner
from vlclip.engine.settings import Refinement
from vlclip.ingestion.settings import Fetch
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.settings import Settings

LINE = "turtle men's navy blue check shirt in cotton"
REVISE = '{"verdict": "revise", "critique": "name the collar"}'


def items(count: int) -> list[Item]:
    return [Item(f"i{n}", title=f"Turtle Check Shirt no {n}", product_type="Shirts") for n in range(count)]


def own_line(chat):
    """A line of the item's own words, and a stop."""
    return STOP if chat.role == "evaluator" else chat.data("product")["title"].lower()


def test_the_mode_names_the_refiner(tmp_path):
    assert isinstance(load_refiner(Refinement(), "english"), FieldRefiner)
    assert load_refiner(Refinement(mode="off"), "english") is None
    assert isinstance(load_refiner(Refinement(mode="fields"), "english"), FieldRefiner)
    llm = load_refiner(
        Refinement(mode="llm", base_url="http://127.0.0.1:9/v1", model="m", cache=""), "english"
    )
    assert llm.version.startswith("llm-")
    llm.close()


def test_the_refiner_rewrites_by_the_critique_until_the_evaluator_stops(shirt, refining):
    verdicts = [REVISE, "<STOP>"]
    better = f"{LINE} with a button-down collar"

    def script(chat):
        return {"summarizer": LINE, "refiner": better}.get(chat.role) or verdicts.pop(0)

    with scripted(script) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert (text.text, text.rounds) == (better, 2)
    assert endpoint.roles() == ["summarizer", "evaluator", "refiner", "evaluator"]
    assert endpoint.chats[2].data("critique") == "name the collar"
    assert endpoint.chats[2].data("text") == LINE
    assert endpoint.chats[3].data("text") == better


@pytest.mark.parametrize("rounds", [1, 3, 5])
def test_there_are_no_more_rounds_than_allowed_and_the_last_line_is_taken(shirt, refining, rounds):
    with scripted(by_role(LINE, REVISE)) as endpoint:
        (text,) = refining(endpoint.url, rounds=rounds).refine([shirt], [None])
    assert (text.text, text.by, text.rounds) == (LINE, "llm", rounds)
    assert endpoint.roles() == ["summarizer", *["evaluator", "refiner"] * rounds]


def test_a_fault_the_checks_find_is_the_critique_of_a_round(shirt, refining):
    with scripted(by_role("a red Gucci dream", STOP, LINE)) as endpoint:
        (text,) = refining(endpoint.url).refine([shirt], [None])
    assert (text.text, text.rounds) == (LINE, 2)
    assert endpoint.roles() == ["summarizer", "refiner", "evaluator"]
    assert "shares no word" in endpoint.chats[1].data("critique")


def test_the_photo_goes_to_models_that_see_and_only_to_them(shirt, refining):
    bare = replace(shirt, title="Turtle Shirt", description="", attributes={})
    with scripted(by_role("turtle red shirt", STOP, "turtle shirt")) as endpoint:
        with_photo = refining(endpoint.url, sees=True).refine([bare], [jpeg()])
        assert all(chat.sees for chat in endpoint.chats)
        endpoint.chats.clear()
        unseen = refining(endpoint.url).refine([bare], [jpeg()])
        assert not any(chat.sees for chat in endpoint.chats)
    assert (with_photo[0].text, unseen[0].text) == ("turtle red shirt", "turtle shirt")


def test_texts_come_in_the_items_order_and_no_more_at_once_than_allowed(refining):
    def script(chat):
        time.sleep(0.01 if "no 0" in chat.text else 0.002)
        return own_line(chat)

    with scripted(script) as endpoint:
        texts = refining(endpoint.url, concurrency=3).refine(items(12), [None] * 12)
    assert [text.text for text in texts] == [f"turtle check shirt no {n}" for n in range(12)]
    assert 1 < endpoint.most_at_once <= 3


def test_what_was_asked_once_is_not_asked_again(refining):
    with scripted(own_line) as endpoint:
        first = refining(endpoint.url).refine(items(3), [None] * 3)
        requests = len(endpoint.chats)
        again = refining(endpoint.url).refine(items(3), [None] * 3)
        assert len(endpoint.chats) == requests
        assert again == [replace(text, cached=True) for text in first]
        refining(endpoint.url, model="other").refine(items(1), [None])
        refining(endpoint.url).refine([replace(items(1)[0], description="New words")], [None])
        assert len(endpoint.chats) == requests + 4
        refining(endpoint.url).refine([replace(items(1)[0], price=5.0, popularity=0.5)], [None])
        assert len(endpoint.chats) == requests + 4, "what is not sent does not count"


def test_the_photo_counts_only_for_models_that_see(refining):
    with scripted(own_line) as endpoint:
        for photo in (b"one", b"two"):
            refining(endpoint.url).refine(items(1), [photo])
        assert len(endpoint.chats) == 2
        for size in ((10, 10), (11, 11)):
            refining(endpoint.url, sees=True).refine(items(1), [jpeg(size)])
        assert len(endpoint.chats) == 6


def test_a_photo_without_room_is_no_reason_to_keep_a_text_that_was_made_without_it(
    shirt, refining, monkeypatch
):
    limits, needed = Limits(memory_bytes=100, wait_s=0.01), "vlclip.engine.photos.decoding.decoding_bytes"
    with scripted(by_role(LINE)) as endpoint:
        refiner = refining(endpoint.url, sees=True)
        refiner._photos = limits
        with monkeypatch.context() as patch, ROOM.hold(1, limits, "another photo"):
            patch.setattr(needed, lambda *_: 100)
            (text,) = refiner.refine([shirt], [jpeg()])
        assert (text.version, endpoint.chats) == (FieldRefiner().version, []), "so that the next run asks"
        assert "other photos took all the memory" in text.fallback
        monkeypatch.setattr(needed, lambda *_: 100)
        assert refiner.refine([shirt], [jpeg()])[0].text == LINE
        assert endpoint.chats[0].sees


@pytest.mark.parametrize("limit", [99, 100])
def test_the_limits_on_photos_are_those_of_the_settings(shirt, tmp_path, limit):
    with scripted(by_role(LINE)) as endpoint:
        named = Refinement(mode="llm", base_url=endpoint.url, model="m", cache="", sees=True)
        settings = Settings(refinement=named, fetch=Fetch(max_pixels=limit))
        refiner = Preparation.of(settings, "english").refiner
        refiner.refine([shirt], [jpeg((10, 10))])
        assert endpoint.chats[0].sees == (limit == 100)
        refiner.close()


def test_failures_are_not_cached(shirt, refining):
    with scripted(lambda _: Raw(500)) as endpoint:
        assert refining(endpoint.url).refine([shirt], [None])[0].by == "fields"
        endpoint.script = by_role(LINE)
        assert refining(endpoint.url).refine([shirt], [None])[0].by == "llm"


def test_a_run_that_stops_at_its_budget_and_goes_on_equals_one_that_never_stopped(refining):
    with scripted(own_line) as endpoint:
        whole = refining(endpoint.url, cache="").refine(items(10), [None] * 10)
        spent = len(endpoint.chats)
        texts: list[Refined] = []
        stops = 0
        while not texts and stops < 10:
            refiner = refining(endpoint.url, max_tokens_total=500, concurrency=2)  # an item costs 220
            try:
                texts = refiner.refine(items(10), [None] * 10)
            except BudgetSpent:
                stops += 1
        assert stops >= 2
        assert [text.text for text in texts] == [text.text for text in whole]
        assert len(endpoint.chats) == 2 * spent, "nothing was paid for twice"


def test_a_budget_is_passed_by_no_more_than_the_items_under_way(refining):
    with scripted(own_line) as endpoint:
        refiner = refining(endpoint.url, max_tokens_total=500, concurrency=2)
        for _ in range(2):
            with pytest.raises(BudgetSpent, match="run again"):
                refiner.refine(items(10), [None] * 10)
            assert 500 <= refiner.tokens_spent <= 500 + 2 * 220


def test_a_spent_budget_does_not_touch_what_is_cached(refining):
    with scripted(own_line) as endpoint:
        refiner = refining(endpoint.url, max_tokens_total=1)
        refiner.refine(items(1), [None])
        assert refiner.refine(items(1), [None])[0].cached
        with pytest.raises(BudgetSpent):
            refiner.refine(items(2), [None, None])


def test_requests_keep_their_pace(refining):
    with scripted(own_line) as endpoint:
        refiner = refining(endpoint.url, requests_per_minute=1200, cache="")  # 20 a second, 100 at once
        refiner._endpoint._requests._left = 0.0
        began = time.monotonic()
        refiner.refine(items(5), [None] * 5)
        assert time.monotonic() - began >= 9 / 20


def test_closing_ends_what_is_under_way(refining):
    with scripted(lambda _: Raw(after_s=3)) as endpoint:
        refiner = refining(endpoint.url)
        ended: list[Exception] = []

        def run() -> None:
            try:
                refiner.refine(items(2), [None] * 2)
            except RefinementError as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while len(endpoint.chats) < 2:
            time.sleep(0.01)
        began = time.monotonic()
        refiner.close()
        thread.join()
        assert time.monotonic() - began < 2
    assert "stopped" in str(ended[0])
    with pytest.raises(RefinementError):
        refiner.refine(items(1), [None])


def test_it_works_where_an_event_loop_runs_already(refining):
    async def notebook(refiner):
        return refiner.refine(items(1), [None])

    with scripted(own_line) as endpoint:
        assert asyncio.run(notebook(refining(endpoint.url)))[0].by == "llm"


def test_the_version_follows_model_and_sampling_and_nothing_else(refining):
    def version(**settings):
        return refining("http://127.0.0.1:9/v1", **settings).version

    assert version() == version(concurrency=9, api_key="k", timeout_s=5) != FieldRefiner().version
    assert (
        len({version(), version(model="n"), version(sees=True), version(rounds=1), version(temperature=1.0)})
        == 5
    )
