"""One request for a list as a value: what it is about, for whom, by which weights, and which page.

The HTTP routes, the command line, a comparison, a replay and the simulator make these values; any arm
answers them.

Laws (tests/ranking/lists/test_request.py):
- the answer to a request is what the recommender gives for its kind of list;
- a part that its kind does not use changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vlclip.ranking.lists.answer import FIRST, Answer, Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender

if TYPE_CHECKING:
    from PIL import Image

ListKind = Literal["similar", "search", "recommendations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """A request without the way to rank it.

    `anchor` is the item that similar items are like; `text` and `photo` (RGB) are what a search looks for.
    `unit` is the shopper (`vlclip.ranking.history.events.unit_of`), "" for nobody in particular. `weights`
    are those the request itself names.
    """

    kind: ListKind
    anchor: str = ""
    text: str = ""
    photo: Image.Image | None = None
    unit: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    page: Page = FIRST

    def answer(self, recommender: Recommender, arm: Arm = PLAIN) -> Answer:
        """The list that `arm` gives. Errors: those of the `Recommender`."""
        match self.kind:
            case "similar":
                return recommender.similar(
                    self.anchor, weights=self.weights, page=self.page, shopper=self.unit, arm=arm
                )
            case "search":
                return recommender.search(
                    self.text, photo=self.photo, weights=self.weights, page=self.page, shopper=self.unit,
                    arm=arm,
                )  # fmt: skip
            case "recommendations":
                return recommender.recommend(self.unit, weights=self.weights, page=self.page, arm=arm)
