"""Whether photos in files changed since they were read, from the names, sizes and times in their folders.

`vlclip watch` asks this at each look. Folders stand for their photos, so what is kept does not grow with the
catalogue, and a photo that was missing is noticed as well when it comes.

Laws (tests/ingestion/photos/test_folders.py):
- a photo that is replaced, added or removed after its folder was first read from counts as a change;
- other kinds of files beside the photos, and other folders, do not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

Pause = Callable[[float], bool]
"""Waits so many seconds; True if it is time to stop."""
QUIET_S = 1.0
"""What looks the same after this time is no longer being written."""

_Kind = tuple[str, str]
"""A folder and the ending of photos in it, in lower case."""
_State = tuple[int, int] | None


class PhotoFolders:
    """The folders that photos were read from, each as it was before the first of them was."""

    def __init__(self) -> None:
        self._states: dict[_Kind, _State] = {}
        self._adding = threading.Lock()

    def note(self, photo: Path) -> None:
        """A photo is about to be read, or would be if it were there."""
        folder, _, name = str(photo).rpartition(os.sep)
        kind = (folder, name[name.rfind(".") :].lower() if "." in name else "")
        if kind in self._states:
            return
        with self._adding:
            if kind not in self._states:
                self._states[kind] = _state(*kind)

    def restart(self) -> None:
        """Forget all: a run begins, and reads every photo that it needs."""
        self._states.clear()

    def changed(self, pause: Pause) -> bool:
        """Whether a folder is another one than it was; waits while somebody still writes there."""
        states = self._look()
        if states == self._states:
            return False
        while not pause(QUIET_S):
            later = self._look()
            if later == states:
                return True
            states = later
        return False

    def _look(self) -> dict[_Kind, _State]:
        return {kind: _state(*kind) for kind in self._states}


def _state(folder: str, ending: str) -> _State:
    """How many files of an ending there are, and a sum of what is known of them; None for no folder."""
    count = total = 0
    try:
        with os.scandir(folder or os.sep) as files:
            for file in files:
                if not file.name.lower().endswith(ending):
                    continue
                stat = file.stat()
                total ^= hash((file.name, stat.st_size, stat.st_mtime_ns, stat.st_ino))
                count += 1
    except OSError:
        return None
    return count, total
