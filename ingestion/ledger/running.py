"""Which runs still run: each holds a lock of its own, which the system frees when its process ends, however.

Laws (tests/ingestion/ledger/test_ledger.py):
- a run counts as running as long as the process that began it lives and has not ended it, and no longer;
- whoever asks changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


class RunningRuns:
    """The locks of the runs of one ledger; those of a ledger in memory need none."""

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._own: dict[int, FileLock] = {}

    def begin(self, run: int) -> None:
        """Note that this process runs it; what killed runs left is taken away."""
        if self._ledger is None:
            return
        for path in self._ledger.parent.glob(f"{self._ledger.name}.run-*"):
            if _is_free(path):
                path.unlink(missing_ok=True)
        lock = FileLock(self._path(run))
        lock.acquire(timeout=0)
        self._own[run] = lock

    def end(self, run: int) -> None:
        """Note that it has ended."""
        lock = self._own.pop(run, None)
        if lock is not None:
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def is_running(self, run: int) -> bool:
        """Whether a process still runs it."""
        if self._ledger is None or run in self._own:
            return True
        path = Path(self._path(run))
        return path.exists() and not _is_free(path)

    def close(self) -> None:
        """End all runs of this process."""
        for run in list(self._own):
            self.end(run)

    def _path(self, run: int) -> str:
        return f"{self._ledger}.run-{run}"


def _is_free(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # a disk that can only be read says nothing of who runs
        return False
    lock.release()
    return True
