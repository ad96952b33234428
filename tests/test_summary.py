"""The closing line of a test run says what is missing on this machine."""

from __future__ import annotations

from types import SimpleNamespace

from tests.conftest import pytest_terminal_summary


def summary_of(*reasons: str) -> list[str]:
    """The lines written after tests were skipped for these reasons."""
    lines: list[str] = []
    reports = [SimpleNamespace(longrepr=("test_x.py", 1, f"Skipped: {reason}")) for reason in reasons]
    list(pytest_terminal_summary(SimpleNamespace(stats={"skipped": reports}, write_line=lines.append)))
    return lines


def test_what_is_missing_is_counted_with_what_to_install():
    (line,) = summary_of(
        "there is no Chromium at /usr/bin/chromium: apt-get install chromium",
        "no redis-server or valkey-server is installed (apt-get install redis-server)",
        "no redis-server or valkey-server is installed (apt-get install redis-server)",
    )
    assert "1 for want of Chromium (apt-get install chromium)" in line
    assert "2 for want of Redis or Valkey (apt-get install redis-server)" in line


def test_nothing_is_said_where_nothing_is_missing():
    assert summary_of() == summary_of("mounting is not permitted here") == []
