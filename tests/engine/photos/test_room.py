import threading
from contextlib import ExitStack
from time import monotonic, sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.engine.errors import PhotoError, PhotosBusy
from vlclip.engine.photos.room import Limits, Room


@given(st.lists(st.integers(1, 100), min_size=1, max_size=12), st.integers(100, 200))
@settings(max_examples=30, deadline=None)
def test_what_is_held_never_exceeds_the_limit_and_all_come_in(sizes, limit):
    room, limits, most, lock = Room(), Limits(memory_bytes=limit), [0, 0], threading.Lock()

    def decode(size):
        with room.hold(size, limits, "a photo"):
            with lock:
                most[0] += size
                most[1] = max(most)
            sleep(0.0005)
            with lock:
                most[0] -= size

    threads = [threading.Thread(target=decode, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 0
    assert max(sizes) <= most[1] <= limit
    assert room.used_bytes == 0


def test_small_photos_that_come_later_do_not_pass_a_large_one():
    room, limits, order = Room(), Limits(memory_bytes=100), []

    def decode(size):
        with room.hold(size, limits, "a photo"):
            order.append(size)

    with ExitStack() as stack:
        stack.enter_context(room.hold(60, limits, "a photo"))
        threads = []
        for size in (90, 10, 20):
            threads.append(threading.Thread(target=decode, args=(size,)))
            threads[-1].start()
            wait_for(lambda: len(room._line) == len(threads))
        assert order == []
    for thread in threads:
        thread.join()
    assert order[0] == 90


def test_one_that_can_never_fit_is_refused_with_the_setting_and_keeps_nobody_waiting():
    room = Room()
    with (
        pytest.raises(
            PhotoError, match=r"the PNG photo needs 101 .* 100 are allowed \(fetch.decoding_bytes\)"
        ),
        room.hold(101, Limits(memory_bytes=100), "the PNG photo"),
    ):
        pass
    with room.hold(100, Limits(memory_bytes=100), "another"):
        assert room.used_bytes == 100


def test_one_that_waited_too_long_is_told_so_and_those_behind_it_go_on():
    room, short, long = Room(), Limits(memory_bytes=100, wait_s=0.01), Limits(memory_bytes=100)
    with room.hold(60, long, "a photo"):
        with pytest.raises(PhotosBusy, match="try again later"), room.hold(50, short, "a photo"):
            pass
        with room.hold(40, long, "a photo"):
            assert room.used_bytes == 100
    assert room.used_bytes == 0


def test_an_error_while_decoding_frees_the_room():
    room = Room()
    with pytest.raises(ZeroDivisionError), room.hold(10, Limits(), "a photo"):
        raise ZeroDivisionError
    assert room.used_bytes == 0


def wait_for(condition):
    until = monotonic() + 10
    while not condition():
        assert monotonic() < until
        sleep(0.001)
