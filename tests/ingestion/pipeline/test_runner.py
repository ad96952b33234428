import threading
import time

import pytest

from vlclip.ingestion.pipeline.runner import ThreadedStep, overlap


def in_flight(steps):
    """The most batches there can be at once: one being read, those waiting and worked on, two out.

    Behind a step with several threads one more may wait, so that the next in order always gets through.
    """
    return 1 + sum(step.waiting + step.threads + (step.threads > 1) for step in steps) + 2


def double(x):
    return 2 * x


def slow_for_even(x):
    time.sleep(0.002 * (x % 2 == 0))
    return x + 1


def alive():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ingest-")]


@pytest.mark.parametrize(
    "steps",
    [[], [ThreadedStep("a", double)], [ThreadedStep("a", slow_for_even, 3, 2), ThreadedStep("b", double)]],
)
def test_the_results_are_those_of_one_step_after_the_other_in_the_same_order(steps):
    expected = []
    for x in range(60):
        y = x
        for step in steps:
            y = step.run(y)
        expected.append(y)
    assert list(overlap(range(60), steps)) == expected
    assert not alive()


def test_a_slow_consumer_holds_up_the_reader():
    steps = [ThreadedStep("a", slow_for_even, 3, 4), ThreadedStep("b", double, 1, 1)]
    read, ahead = 0, []

    def source():
        nonlocal read
        for x in range(80):
            read += 1
            yield x

    for count, _ in enumerate(overlap(source(), steps)):
        time.sleep(0.005)
        ahead.append(read - count)
    assert max(ahead) <= in_flight(steps)
    assert max(ahead) >= 5  # it does run ahead


@pytest.mark.parametrize("where", ["source", "step", "consumer"])
def test_an_error_anywhere_ends_every_thread_and_is_raised_here(where):
    def source():
        for x in range(1000):
            if where == "source" and x == 5:
                raise ValueError("broken")
            yield x

    def work(x):
        if where == "step" and x == 5:
            raise ValueError("broken")
        return x

    with pytest.raises(ValueError, match="broken"):  # noqa: PT012 - the loop is the consumer
        for x in overlap(source(), [ThreadedStep("a", work, 2, 2), ThreadedStep("b", double)]):
            if where == "consumer" and x == 10:
                raise ValueError("broken")
    for _ in range(100):
        if not alive():
            break
        time.sleep(0.01)
    assert not alive()


def test_stopping_early_cancels_what_the_steps_wait_for():
    released = threading.Event()

    def wait_forever(x):
        released.wait(30)
        return x

    blocked = overlap(
        [1, 2, 3], [ThreadedStep("a", lambda x: x if x == 1 else wait_forever(x))], cancel=released.set
    )
    assert next(blocked) == 1
    began = time.monotonic()
    blocked.close()
    assert time.monotonic() - began < 5
    assert not alive()
