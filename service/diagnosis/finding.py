"""What a check of the doctor finds, and how checks are run.

Laws (tests/service/commands/test_doctor.py):
- a check that fails is a finding, and the other checks still run;
- every finding that is not `ok` says what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from vlclip.engine.errors import VlclipError
from vlclip.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check; a `bad` one makes the command fail."""

    state: Literal["ok", "note", "bad"]
    what: str
    says: str


Check = Callable[[Settings], Iterator[Finding]]


def findings(checks: Iterable[Check], settings: Settings) -> Iterator[Finding]:
    """What the checks find; an error is `bad`, under the name of the check."""
    for check in checks:
        try:
            yield from check(settings)
        except VlclipError as error:
            yield Finding("bad", check.__name__.replace("_", " ").strip(), str(error))
