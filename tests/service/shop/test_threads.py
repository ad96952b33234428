"""Blocking work that threads do for an event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from contextvars import ContextVar
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.service.shop.threads import Threads

name = ContextVar("name", default="")


@pytest.fixture
def threads():
    opened = Threads(3, "test")
    yield opened
    opened.close()


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4))
def test_each_result_or_error_comes_to_the_caller_who_waits_for_it(fails, count):
    opened = Threads(count, "test")

    async def ask(place):
        name.set(f"caller {place}")

        def work():
            if fails[place]:
                raise KeyError(place)
            return place, name.get(), threading.current_thread()

        return await opened.call(work)

    async def ask_all():
        return await asyncio.gather(*(ask(place) for place in range(len(fails))), return_exceptions=True)

    try:
        answers = asyncio.run(ask_all())
    finally:
        opened.close()
    for place, answer in enumerate(answers):
        if fails[place]:
            assert isinstance(answer, KeyError)
            assert answer.args == (place,)
        else:
            assert answer[:2] == (place, f"caller {place}")
    assert len({answer[2] for answer in answers if isinstance(answer, tuple)}) <= count


def test_a_second_loop_is_served_too(threads):
    assert [asyncio.run(threads.call(partial(int, each))) for each in "012"] == [0, 1, 2]


def test_what_nobody_waits_for_any_more_is_not_begun_and_its_thread_goes_on():
    opened, begun, may_end = Threads(1, "test"), [], threading.Event()

    async def ask():
        first = asyncio.create_task(opened.call(may_end.wait))
        await asyncio.sleep(0)
        second = asyncio.create_task(opened.call(lambda: begun.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.create_task(opened.call(lambda: begun.append("third")))
        may_end.set()
        await asyncio.gather(first, third)

    asyncio.run(ask())
    opened.close()
    assert begun == ["third"]


def test_a_caller_that_leaves_breaks_nothing(threads):
    may_end = threading.Event()

    async def ask():
        task = asyncio.create_task(threads.call(may_end.wait))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_end.set()
        return await threads.call(lambda: 1)

    assert asyncio.run(ask()) == 1


def test_work_that_outlives_its_loop_breaks_nothing(threads):
    may_end = threading.Event()

    async def leave():
        asyncio.create_task(threads.call(may_end.wait))  # noqa: RUF006 - it is left on purpose
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    may_end.set()
    assert asyncio.run(threads.call(lambda: 2)) == 2


class Photo:
    """Something large."""


def test_nothing_is_kept_of_a_call_that_has_ended(threads):
    async def ask():
        photo = Photo()
        kept_by = weakref.ref(photo)
        await threads.call(partial(id, photo))
        return kept_by

    kept_by = asyncio.run(ask())
    asyncio.run(threads.call(lambda: None))
    gc.collect()
    assert kept_by() is None


def test_close_lets_a_call_end_that_has_begun():
    opened, ended = Threads(1, "test"), []

    async def leave():
        asyncio.create_task(opened.call(lambda: ended.append(True)))  # noqa: RUF006 - it is left on purpose
        await asyncio.sleep(0)

    asyncio.run(leave())
    opened.close()
    assert ended in ([True], [])  # not made where its caller had stopped waiting before
