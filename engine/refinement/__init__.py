"""Refined texts for the text segment: an item's fields in good order, or a language model's checked line.

How the parts meet: `load_refiner(settings.refinement, settings.language)` gives a `Refiner` or None. Its
`refine(items, photos)` gives texts with what they cost. `keep_better` asks the photos, by CLIP, whether each
text is better than the item's own; `settle` puts the item's own text back where it is not. A
`RefinementReport` counts.
"""

from vlclip.engine.refinement.agreement import keep_better, settle
from vlclip.engine.refinement.checks import check_text
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.refinement.refined import Refined, Refiner
from vlclip.engine.refinement.refiner import AgentRefiner, load_refiner
from vlclip.engine.refinement.report import RefinementReport

__all__ = [
    "AgentRefiner",
    "FieldRefiner",
    "Refined",
    "RefinementReport",
    "Refiner",
    "check_text",
    "keep_better",
    "load_refiner",
    "settle",
]
