"""A training recipe: everything that shapes a run, as one JSON file next to its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vlclip.engine.errors import TrainingError
from vlclip.engine.training.held_out import VALIDATION_SHARE
from vlclip.engine.validation import explain

"""Share of the items held out unless a recipe says otherwise; `--split validation` means these."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Augment(_Part):
    """Changes to a photo that leave the product what it is; 0 turns one off."""

    flip: float = Field(0.5, ge=0, le=1, description="share of photos mirrored")
    zoom: float = Field(0.2, ge=0, lt=1, description="scale drawn from 1-zoom to 1+zoom/2")
    shift: float = Field(0.08, ge=0, lt=1, description="share of width and height")
    rotate: float = Field(5.0, ge=0, le=45, description="degrees either way")
    light: float = Field(0.1, ge=0, lt=1, description="brightness and contrast; colours keep their hue")
    erase: float = Field(0.0, ge=0, le=1, description="share of photos that lose a rectangle")
    word_dropout: float = Field(0.1, ge=0, lt=1, description="share of the words of a text left out")


class TextTemplate(_Part):
    """One way to describe an item, such as `{base_colour} {article_type}`, and how often."""

    template: str
    share: float = Field(gt=0)


class Recipe(_Part):
    """Start from `init` (any model name or folder) or from scratch with `model` (open_clip's JSON)."""

    model: dict[str, Any] | None = Field(None, description="an open_clip architecture")
    init: str | None = Field(None, description="fine-tune this model instead")
    preprocess: dict[str, Any] = Field(default_factory=dict, description="open_clip preprocess_cfg")
    vocab_size: int | None = Field(None, description="train a vocabulary of this size on the texts")
    texts: tuple[TextTemplate, ...] = (TextTemplate(template="{title}", share=1.0),)
    ground: bool = Field(default=False, description="crop photos by the settings' grounder")
    refine: bool = Field(default=False, description="refine texts by the settings' refiner, as `{refined}`")
    augment: Augment = Augment()
    epochs: int = Field(10, ge=1)
    batch: int = Field(256, ge=2)
    same: tuple[str, ...] = Field(
        ("title", "image"), description="fields in which items of one product agree; `image`: by look"
    )
    hard: float = Field(0.0, ge=0, le=1, description="share of a batch drawn by product type")
    cache_chunk: int | None = Field(None, ge=1, description="encode a batch in chunks of this many")
    lr: float = Field(1e-3, gt=0)
    warmup_steps: int = Field(200, ge=0)
    weight_decay: float = Field(0.1, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = Field(1.0, gt=0)
    validation_share: float = Field(VALIDATION_SHARE, ge=0, lt=0.9)
    seed: int = 0

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if (self.model is None) == (self.init is None):
            raise ValueError("give either `model` (from scratch) or `init` (fine-tune), not both")
        if self.vocab_size is not None and self.model is None:
            raise ValueError("`vocab_size` makes a new vocabulary; it needs `model`, not `init`")
        if self.refine and not any("{refined}" in text.template for text in self.texts):
            raise ValueError("`refine` makes texts that no template of `texts` uses; use `{refined}` in one")
        return self


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON file; a `TrainingError` names the field that is wrong."""
    try:
        return Recipe.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TrainingError(f"cannot read the recipe {path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise TrainingError(f"{path} is not JSON: {error}") from None
    except ValidationError as error:
        raise TrainingError(f"{path}: {explain(error.errors(), Recipe)}") from None
