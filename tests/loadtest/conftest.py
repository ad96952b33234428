"""Plans to change a line of, and records made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlclip.loadtest.plan import Plan, read_plan
from vlclip.loadtest.record import Record

PLAN = """
id = "small"
items = 30
[mix]
similar = 1
[shape]
kind = "constant"
level = 2
seconds = 5
"""


@pytest.fixture
def read(tmp_path: Path):
    """A plan from `PLAN` with some text replaced and some added at its end."""

    def make(old: str = "", new: str = "", more: str = "") -> Plan:
        path = tmp_path / "plan.toml"
        path.write_text((PLAN.replace(old, new) if old else PLAN) + more)
        return read_plan(path)

    return make


def record(endpoint="similar", at=0.0, ms=10.0, status=200, **details) -> Record:
    details.setdefault("error", "" if status in (200, 202) else f"status {status}")
    return Record(endpoint, at, ms, details.pop("late_ms", 0.0), status, **details)
