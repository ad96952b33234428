"""Ends a process at one of its steps, or at a moment, without any clearing up, as SIGKILL does."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

KILLED = 77
Watch = Callable[[Callable[[], None]], None]
"""Arranges that what it is given is called at each step."""


def within(act: Callable[[], Any]) -> Any:
    """What `act` gives, in a process of its own."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            with os.fdopen(writing, "wb") as out:
                out.write(pickle.dumps(act()))
            status = 0
        except BaseException:  # noqa: BLE001 - told by the status
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        content = answer.read()
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError("what was not killed failed; its message is above")
    return pickle.loads(content)


def is_killed(act: Callable[[], Any], step: int, watch: Watch) -> bool:
    """Whether `act` came to the step, before which its process ends."""
    process = _started(act, step, watch)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, KILLED):
        raise RuntimeError(f"the act that was to be killed at step {step} failed with {code}")
    return code == KILLED


def is_killed_after(act: Callable[[], Any], seconds: float) -> bool:
    """Whether `act` was still under way so long after it began, when its process got SIGKILL."""
    process = _started(act, 0, lambda _: None)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the act that was to be killed after {seconds} s failed with {code}")
    return code != 0


def _started(act: Callable[[], Any], step: int, watch: Watch) -> int:
    process = os.fork()
    if process == 0:
        steps, status = [0], 1

        def meet() -> None:
            steps[0] += 1
            if steps[0] == step:
                os._exit(KILLED)

        try:
            watch(meet)
            act()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return process
