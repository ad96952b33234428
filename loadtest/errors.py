"""What can go wrong in a load test. Every message says what to do next.

LoadTestError
├── BadPlan      a plan that cannot be read
├── BadFault     a fault that cannot be read
├── BadReport    an earlier report that cannot be read, or a new one that cannot be written
└── NotReached   the service did not start, or does not answer
"""

from __future__ import annotations


class LoadTestError(Exception):
    """Something failed in a load test."""


class BadPlan(LoadTestError):
    """A plan that cannot be read; the message names the field."""


class BadFault(LoadTestError):
    """A fault that cannot be read."""


class BadReport(LoadTestError):
    """An earlier report that cannot be read, or a new one that cannot be written."""


class NotReached(LoadTestError):
    """The service did not start, or does not answer."""
