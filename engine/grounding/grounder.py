"""The protocol of a grounder: photos and product types in, the best box of each out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the photo; (0, 0) is the upper left corner."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The best box for a prompt, inside its photo, with a score from 0 to 1."""

    box: Box
    score: float


class Grounder(Protocol):
    """Finds products in photos; safe to use from several threads."""

    @property
    def name(self) -> str:
        """Backend, model and a hash of its files; stored with every box."""
        ...

    def locate(self, photos: Sequence[Image.Image], product_types: Sequence[str]) -> list[Detection | None]:
        """The best box of each RGB photo for its product type, however low its score, in order.

        None where the type is empty, the photo too thin, or no box finite. Photos may differ in size;
        the box in one does not depend on the others.
        Errors: ValueError where there are not as many types as photos.
        """
        ...
