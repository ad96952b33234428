"""The kinds of events, as one table: how each is weighed, counted and called.

To add a kind, add a row here and name it in docs/history.md. Everything else reads this table: the checks
of events, arms and requests, the weights of profiles and popularity, the log's outcomes, and the web page.

Laws (tests/ranking/history/test_event_kinds.py):
- an event of a kind in the table is accepted, and one of another kind is refused;
- a kind weighs in profiles and in popularity what the table says, and a request may send it;
- the page shows its label, and a button for it where it has an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

CountsAs = Literal["", "click", "cart", "purchase"]
"""The number of an outcome that an event of a kind adds to; "" for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One kind of event.

    `weight` is what an event of it counts in popularity, and in profiles where the arm does not say;
    below 0 it is a dislike. `counts_as` says which number of a list's outcome it adds to. `is_sight` is
    whether the shopper has seen the item by it. `label` is what the page says of the event, `action` what
    stands on the button that sends it, "" for no button.
    """

    name: str
    weight: float
    label: str
    action: str = ""
    counts_as: CountsAs = ""
    is_sight: bool = False

    @property
    def is_dislike(self) -> bool:
        """Whether it says that the shopper does not want the item."""
        return self.weight < 0


VIEW = EventKind(name="view", weight=1.0, label="seen", is_sight=True)
CLICK = EventKind(name="click", weight=1.0, label="clicked", counts_as="click", is_sight=True)
CART = EventKind(name="cart", weight=2.0, label="put in the cart", action="Put in the cart", counts_as="cart")
PURCHASE = EventKind(name="purchase", weight=3.0, label="bought", action="Buy", counts_as="purchase")
DISLIKE = EventKind(name="dislike", weight=-2.0, label="disliked", action="Not for me")

EVENT_KINDS: dict[str, EventKind] = {kind.name: kind for kind in (VIEW, CLICK, CART, PURCHASE, DISLIKE)}
"""The table, by name."""


def default_weights() -> dict[str, float]:
    """What an event of each kind counts, by the kind's name."""
    return {kind.name: kind.weight for kind in EVENT_KINDS.values()}


def unknown_kind(name: str) -> str:
    """The message for a name that no kind has."""
    return f"kind is {name!r}; it is one of {', '.join(EVENT_KINDS)}"


def check_kind(name: str) -> str:
    """The name itself; `ValueError` if no kind has it."""
    if name not in EVENT_KINDS:
        raise ValueError(unknown_kind(name))
    return name


Kind = Annotated[
    str, AfterValidator(check_kind), WithJsonSchema({"type": "string", "enum": list(EVENT_KINDS)})
]
"""The name of a kind; pydantic checks it where it comes from outside."""
