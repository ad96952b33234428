"""Whether a log can answer the question at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "careful", "refused"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its `code`, how bad it is, and a sentence that says what to do."""

    code: str
    level: Level
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings about one arm's estimates; `level` is the worst of them."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst level of any finding."""
        levels: tuple[Level, ...] = ("refused", "careful")
        return next((level for level in levels if any(one.level == level for one in self.findings)), "ok")
