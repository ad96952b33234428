"""What a grounder is: photos and product types in, the best box of each out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the photo; (0, 0) is the upper left corner."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The best box for a prompt, inside its photo, with a score from 0 to 1; what the rule chooses from."""

    box: Box
    score: float


class Grounder(Protocol):
    """Finds products in photos; safe to use from several threads."""

    @property
    def name(self) -> str:
        """Backend, model and a hash of its files; kept with every box, so it says what made it."""
        ...

    def locate(self, photos: Sequence[Image.Image], product_types: Sequence[str]) -> list[Detection | None]:
        """The best box of each RGB photo for its product type, however low its score, in the order given.

        None where the type is empty, the photo too thin to show anything, or no box is finite.
        Photos may differ in size; what is found in one does not depend on the others.
        Errors: ValueError where there are not as many types as photos.
        """
        ...
