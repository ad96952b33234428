"""From settings to a grounder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.grounding.folders import GrounderFolder, find_grounder, name_of
from engine.grounding.grounder import Grounder
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.grounding.dino import Network


def load_grounder(settings: Settings) -> Grounder | None:
    """Load the grounder these settings name; None for "off".

    Errors: `EncoderError` for a model that cannot be found, downloaded or loaded.
    """
    asked = settings.grounding
    found = find_grounder(asked.model)
    if found is None:
        return None
    from engine.clip import pick_device  # noqa: PLC0415 - loading torch and transformers takes seconds
    from engine.grounding.dino import DinoGrounder, with_short_side  # noqa: PLC0415

    network, processor = _load(found, pick_device(settings.device))
    processor.size = with_short_side(dict(processor.size), asked.short_side)
    return DinoGrounder(name_of(found, asked.short_side), network, processor, batch=asked.batch)


def _load(found: GrounderFolder, device: str) -> tuple[Network, Any]:
    if found.backend == "original":
        from engine.grounding.original import load_original  # noqa: PLC0415 - an extra

        return load_original(found.path, device)
    from engine.grounding.transformers import load_transformers  # noqa: PLC0415 - takes seconds

    return load_transformers(found.path, device)
