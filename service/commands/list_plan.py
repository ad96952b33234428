"""How a list is made, as the options of `similar`, `search` and `recommend` say it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlclip.engine.filters import read_filter
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import Answer, Page
from vlclip.ranking.lists.arm import Arm, read_arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.lists.request import ListKind, ListRequest
from vlclip.ranking.settings import GroupBy
from vlclip.service.http.weights import read_weights

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class ListPlan:
    """Weights of the score's parts, the page, and the arm that ranks."""

    weights: Mapping[str, float]
    page: Page
    arm: Arm

    def answer(
        self,
        recommender: Recommender,
        kind: ListKind,
        *,
        user: str,
        anchor: str = "",
        text: str = "",
        photo: Image.Image | None = None,
    ) -> tuple[Answer, float]:
        """The list, and the milliseconds that it took. Errors: those of the `Recommender`."""
        request = ListRequest(
            kind=kind, anchor=anchor, text=text, photo=photo, unit=unit_of(user),
            weights=self.weights, page=self.page,
        )  # fmt: skip
        began = time.perf_counter()
        answer = request.answer(recommender, self.arm)
        return answer, (time.perf_counter() - began) * 1000


def read_list_plan(
    *,
    weights: str | None,
    filter: list[str] | None,
    exclude: list[str] | None,
    limit: int | None,
    offset: int,
    collapse: bool | None,
    diversity: float | None,
    group_by: GroupBy | None,
    arm: Path | None,
) -> ListPlan:
    """The plan of a command's options; without an arm, the plain ranking.

    Errors: those of `read_weights`, `read_filter`, `Page` and `read_arm`.
    """
    page = Page(
        limit=limit,
        offset=offset,
        filter=read_filter(filter),
        exclude=tuple(exclude or ()),
        collapse=collapse,
        diversity=diversity,
        group_by=group_by,
    )
    return ListPlan(read_weights(weights), page, PLAIN if arm is None else read_arm(arm))
