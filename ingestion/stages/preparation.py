"""The grounder and the refiner that prepare items, and what they leave in a point's provenance.

Nothing is loaded before the first photo needs it: a run that finds nothing changed needs only the names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from vlclip.engine.grounding.folders import grounder_name, rule_from
from vlclip.engine.grounding.grounder import Grounder
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.rule import Rule
from vlclip.engine.refinement.agreement import judged
from vlclip.engine.refinement.refined import Refined, Refiner
from vlclip.engine.refinement.refiner import load_refiner
from vlclip.engine.settings import Grounding
from vlclip.ingestion.settings import IngestionSettings


@dataclass(slots=True)
class Preparation:
    """A grounder with its rule and a refiner, either of which may be absent.

    `grounder` is the name of what `load` will give, "" for none. `agreement` says whose texts the photo
    judges, `sees` whether the refiner looks at photos.
    """

    grounder: str = ""
    rule: Rule = field(default_factory=lambda: rule_from(Grounding()))
    refiner: Refiner | None = None
    agreement: Literal["llm", "all"] = "llm"
    sees: bool = False
    load: Callable[[], Grounder | None] = lambda: None
    _loaded: Grounder | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, settings: IngestionSettings, language: str) -> Preparation:
        """What these settings ask for, for a store of texts in a language."""
        return cls(
            grounder_name(settings.grounding) or "",
            rule_from(settings.grounding),
            load_refiner(settings.refinement, language, settings.fetch.limits),
            settings.refinement.agreement,
            sees=settings.refinement.mode == "llm" and settings.refinement.sees,
            load=lambda: load_grounder(settings.grounding, settings.device, settings.runtime),
        )

    def get_grounder(self) -> Grounder | None:
        """The grounder, loaded at the first call."""
        if not self.grounder:
            return None
        with self._loading:
            if self._loaded is None:
                self._loaded = self.load()
            return self._loaded

    def judged(self, text: Refined) -> bool:
        """Whether the photo decides between this text and the item's own."""
        return judged(text, self.agreement)

    @property
    def provenance(self) -> dict[str, str]:
        """The part of a point's provenance that names what prepared it; a point with another one is stale."""
        names = {"grounder": self.grounder, "rule": self.rule.id} if self.grounder else {}
        if self.refiner is not None:
            names |= {"refiner": self.refiner.version, "agreement": self.agreement}
        return names

    def matches(self, provenance: Mapping[str, Any]) -> bool:
        """Whether a point with this provenance was prepared as this would prepare it."""
        keys = ("grounder", "rule", "refiner", "agreement")
        return {key: provenance[key] for key in keys if provenance.get(key)} == self.provenance

    def close(self) -> None:
        """Close the refiner's cache and connections."""
        if self.refiner is not None:
            self.refiner.close()


@contextmanager
def open_preparation(
    settings: IngestionSettings, preparation: Preparation | None, language: str
) -> Iterator[Preparation]:
    """`preparation`, which its owner closes; without one, the settings' own, closed at the end."""
    if preparation is not None:
        yield preparation
        return
    with closing(Preparation.of(settings, language)) as own:
        yield own
