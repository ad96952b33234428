"""Watching a server's memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.server import Memory, Server, resident_mb


def test_memory_that_rises_evenly_has_that_slope_and_growth():
    # 100 MB and 2 MB more a minute, once a second for ten minutes: the last tenth is 18 MB over the first
    memory = Memory([(float(at), 100 + 2 * at / 60) for at in range(600)])
    assert memory.slope_mb_per_h == pytest.approx(120)
    assert memory.growth_mb == pytest.approx(18, abs=0.01)
    half = memory.between(300, 1000)
    assert half.samples[0] == (300.0, 110.0)
    assert half.growth_mb == pytest.approx(9, abs=0.05)


def test_one_odd_moment_is_no_growth():
    samples = [(float(at), 100.0) for at in range(100)]
    samples[99] = (99.0, 900.0)
    assert Memory(samples).growth_mb == 0


def test_one_that_does_not_start_is_told_with_its_words_of_this_time(tmp_path, monkeypatch):
    program, log = tmp_path / "program", tmp_path / "server.log"
    program.write_text("#!/bin/sh\necho these words\nexit 3\n")
    program.chmod(0o755)
    log.write_text("words of an earlier run\n")
    monkeypatch.setattr(sys, "executable", str(program))
    server = Server("store", log)
    with pytest.raises(NotReached, match=r"did not become ready:\nthese words\n$"):
        server.start()
    assert server.ended == 3
    assert log.read_text() == "words of an earlier run\nthese words\n"


def test_one_that_ended_has_no_memory(tmp_path):
    server = Server("store", tmp_path / "server.log")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has asked how
        assert resident_mb(process.pid) == 0
        server._watch(process)
    assert server.memory.samples == []


def test_too_little_says_nothing():
    assert Memory([(0.0, 1.0), (1.0, 2.0)]).growth_mb is None
    assert Memory().slope_mb_per_h is None


def test_this_process_has_memory_and_its_children_count():
    alone = resident_mb(os.getpid())
    assert alone > 10
    go_on, signal_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go_on, 1)
        os._exit(0)
    assert resident_mb(os.getpid()) > alone * 1.01
    os.write(signal_end, b".")
    os.waitpid(child, 0)
