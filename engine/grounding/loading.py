"""From settings to a grounder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlclip.engine.grounding.folders import GrounderFolder, find_grounder, name_of
from vlclip.engine.grounding.grounder import Grounder
from vlclip.engine.settings import Grounding

if TYPE_CHECKING:
    from vlclip.engine.grounding.dino import Network


def load_grounder(grounding: Grounding, device: str) -> Grounder | None:
    """Load the grounder these settings name, onto `device`; None for "off".

    Errors: `EncoderError` for a model that cannot be found, downloaded or loaded.
    """
    files = find_grounder(grounding.model)
    if files is None:
        return None
    from vlclip.engine.encoding.devices import pick_device  # noqa: PLC0415 - loading torch and transformers takes seconds
    from vlclip.engine.grounding.dino import DinoGrounder, with_short_side  # noqa: PLC0415

    network, processor = _load(files, pick_device(device))
    processor.size = with_short_side(dict(processor.size), grounding.short_side)
    return DinoGrounder(name_of(files, grounding.short_side), network, processor, batch=grounding.batch)


def _load(files: GrounderFolder, device: str) -> tuple[Network, Any]:
    if files.backend == "original":
        from vlclip.engine.grounding.original import load_original  # noqa: PLC0415 - an extra

        return load_original(files.path, device)
    from vlclip.engine.grounding.transformers import load_transformers  # noqa: PLC0415 - takes seconds

    return load_transformers(files.path, device)
