"""A refined text with where it came from, and what makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from vlclip.engine.item import Item


@dataclass(frozen=True, slots=True)
class Refined:
    """The text of one item for the text segment.

    `by`: `llm`, `fields`, or `raw` where the item's own text stayed. `version` changes with rules,
    prompts and model. `rounds` and tokens are what the text cost when it was made; `cached` says that
    this was in an earlier request. `fallback` says why a language model's text was not used, as
    "kind: detail", and is "" where nothing went wrong. `photo_agrees` is False where
    the photo agreed better with the item's own text, which then stands here.
    """

    text: str
    by: Literal["fields", "llm", "raw"]
    version: str
    rounds: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    fallback: str = ""
    cached: bool = False
    photo_agrees: bool = True


class Refiner(Protocol):
    """Turns items into texts for the text segment; safe to use from several threads."""

    @property
    def version(self) -> str:
        """Part of every point's provenance: a text of another version is made, and embedded, again."""
        ...

    def refine(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:
        """One text per item, in order; `photos` are the files' bytes, None where there is none."""
        ...

    def close(self) -> None:
        """Let go of files and connections; a `refine` under way in another thread gives up."""
        ...
