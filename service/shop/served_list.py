"""The list that a request made, handed by its route to the outermost middleware.

Only that middleware (service/observing/middleware.py) knows when an answer begins and whether its caller is
still there. So the route hands the list over, and the middleware has it logged.

Laws (tests/service/shop/test_served_list.py):
- a list that no middleware would take is an error, never lost in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.lists.request import ListKind

_STATE = "served_list"
"""The name in `request.state`."""


@dataclass(frozen=True, slots=True)
class ServedList:
    """A list on its way to its caller.

    `request_id` is the list's own, not that of the HTTP request. `exposure` is what the log keeps of it; None
    where lists are not logged.
    """

    request_id: str
    kind: ListKind
    arm: str
    strategy: str
    exposure: Exposure | None = None


def expect_list(scope: Scope) -> None:
    """Let the route of this request hand a list over; the middleware calls it first."""
    scope.setdefault("state", {})[_STATE] = None


def hand_over(scope: Scope, served_list: ServedList) -> None:
    """Give the middleware the list that the answer of this request will hold."""
    state = scope.get("state", {})
    if _STATE not in state:
        raise RuntimeError(
            "no middleware takes this list, so it would not be logged; "
            "add vlclip.service.observing.middleware.Watch to the application"
        )
    state[_STATE] = served_list


def list_of(scope: Scope) -> ServedList | None:
    """The list that the route handed over; None where it made none."""
    return cast("ServedList | None", scope["state"][_STATE])
