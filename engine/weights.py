"""The limits of a weight: one rule for settings, arms and requests.

Heavier parts would swallow what lighter ones add to a score, and in the end scores would overflow.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vlclip.engine.errors import SpaceError

HEAVIEST = 1e6
Weight = Annotated[float, Field(ge=0, le=HEAVIEST)]


def check_weight(name: str, weight: float) -> None:
    """`SpaceError` unless the weight is a number from 0 to `HEAVIEST`."""
    if not 0 <= weight <= HEAVIEST:
        raise SpaceError(f"weight {name}={weight} must be a number from 0 to {HEAVIEST:,.0f}")
