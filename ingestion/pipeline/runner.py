"""The local runner: steps over batches, each in its own threads, bounded queues between them.

Laws (tests/ingestion/pipeline/test_runner.py):
- the results are those of applying every step to every batch in turn, and in the same order;
- the batches on the way are bounded by the threads and queues of the steps, however slow the consumer is;
- an error anywhere, and a consumer that stops, ends every thread; the error is raised here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ThreadedStep(Generic[T]):
    """A callable over batches, the threads that run it and the batches that may wait for it."""

    name: str
    run: Callable[[T], T]
    threads: int = 1
    waiting: int = 1


def overlap(
    batches: Iterable[T], steps: Sequence[ThreadedStep[T]], *, cancel: Callable[[], None] = lambda: None
) -> Generator[T, None, None]:
    """The batches after every step. Reading and all steps run ahead in threads, the caller drains.

    `cancel` ends whatever a step may be waiting for; it is called before the threads are joined.
    """
    crew = _Crew(cancel)
    pipes: list[_Pipe[T]] = [_Pipe(crew, step.waiting) for step in steps]
    pipes.append(_Pipe(crew, 1))
    crew.start("read", _feed, batches, pipes[0])
    for step, source, target in zip(steps, pipes, pipes[1:], strict=False):
        for _ in range(step.threads):
            crew.start(step.name, _work, step.run, source, target)
    try:
        for _, batch in pipes[-1]:
            yield batch
    finally:
        crew.stop()
    crew.raise_first()


class _Crew:
    """The threads of one run and the first thing that went wrong in them."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self.changed = threading.Condition()
        self.stopped = False
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(
            target=self._guarded, args=(target, *arguments), name=f"ingest-{name}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self._cancel()
        for thread in self._threads:
            thread.join()

    def raise_first(self) -> None:
        if self._error is not None:
            raise self._error

    def _guarded(self, target: Callable[..., None], *arguments: object) -> None:
        try:
            target(*arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            with self.changed:
                self._error = self._error or error
                self.stopped = True
                self.changed.notify_all()


class _Pipe(Generic[T]):
    """A bounded queue that gives batches back in the order of their numbers, whoever put them in.

    It holds `size` of them, and one more if that is the one its reader waits for.
    """

    def __init__(self, crew: _Crew, size: int) -> None:
        self._crew = crew
        self._size = size
        self._held: dict[int, T] = {}
        self._next = 0
        self._end: int | None = None

    def put(self, number: int, batch: T) -> bool:
        """Whether the batch was accepted; False once the crew has stopped."""
        with self._crew.changed:
            self._crew.changed.wait_for(
                lambda: self._crew.stopped or len(self._held) < self._size or number == self._next
            )
            if self._crew.stopped:
                return False
            self._held[number] = batch
            self._crew.changed.notify_all()
            return True

    def finish(self, count: int) -> None:
        """There are `count` batches and no more."""
        with self._crew.changed:
            self._end = count
            self._crew.changed.notify_all()

    def __iter__(self) -> Iterator[tuple[int, T]]:
        while True:
            with self._crew.changed:
                self._crew.changed.wait_for(
                    lambda: self._crew.stopped or self._next in self._held or self._next == self._end
                )
                if self._crew.stopped or self._next == self._end:
                    return
                numbered = self._next, self._held.pop(self._next)
                self._next += 1
                self._crew.changed.notify_all()
            yield numbered
            del numbered

    @property
    def end(self) -> int | None:
        """How many batches there are in all, once that is known."""
        return self._end


def _feed(batches: Iterable[T], target: _Pipe[T]) -> None:
    count = 0
    for batch in batches:
        if not target.put(count, batch):
            return
        count += 1
    target.finish(count)


def _work(run: Callable[[T], T], source: _Pipe[T], target: _Pipe[T]) -> None:
    for number, batch in source:
        ready = run(batch)
        del batch  # it may hold photos; nobody needs them while this thread waits
        if not target.put(number, ready):
            return
    if source.end is not None:
        target.finish(source.end)
