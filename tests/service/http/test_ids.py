"""Ids that nothing else has."""

from __future__ import annotations

import os
import re
import threading

import pytest

from vlclip.service.http import ids
from vlclip.service.http.ids import AT_ONCE, new_id


def test_no_two_are_the_same_in_several_threads():
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(new_id() for _ in range(3 * AT_ONCE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == len(drawn) == 12 * AT_ONCE
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in drawn)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_draws_ids_of_its_own():
    new_id()
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(theirs, new_id().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    drawn = os.read(ours, 100).decode()
    os.close(ours)
    os.close(theirs)
    assert ids._ready
    assert drawn not in {new_id() for _ in range(2 * AT_ONCE)}
