"""What refinement did to a catalogue and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vlclip.engine.refinement.refined import Refined


@dataclass(slots=True)
class RefinementReport:
    """A tally; `add` every settled text to it.

    `refused` counts refined texts that agreed less with the photo than the item's own. Rounds and tokens
    are those of this run: cached texts were paid for earlier.
    """

    items: int = 0
    refused: int = 0
    cached: int = 0
    rounds: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)

    def add(self, texts: Iterable[Refined]) -> None:
        """Count texts as they are after `settle`."""
        for text in texts:
            self.items += 1
            self.by[text.by] += 1
            self.refused += not text.photo_agrees
            self.cached += text.cached
            if not text.cached:
                self.rounds += text.rounds
                self.prompt_tokens += text.prompt_tokens
                self.completion_tokens += text.completion_tokens
            if text.fallback:
                self.fallbacks[text.fallback.partition(":")[0]] += 1

    @property
    def kept_share(self) -> float:
        """Refined texts the photo did not overrule, of all refined texts; 1.0 of none."""
        refined = self.by["llm"] + self.by["fields"] + self.refused
        return 1 - self.refused / refined if refined else 1.0

    def as_dict(self) -> dict[str, Any]:
        """The tally for a JSON report; per-item figures are over the items that were not cached."""
        fresh = max(1, self.items - self.cached)
        return {
            "items": self.items,
            "by": dict(self.by),
            "kept_share": round(self.kept_share, 4),
            "refused": self.refused,
            "fallbacks": dict(self.fallbacks),
            "cached": self.cached,
            "rounds_per_item": round(self.rounds / fresh, 2),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "tokens_per_item": round((self.prompt_tokens + self.completion_tokens) / fresh, 1),
        }
