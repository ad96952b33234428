"""The recipe of a small grounder: everything that shapes a run, as one JSON file next to its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlclip.engine.errors import TrainingError
from vlclip.engine.validation import explain


class GroundingRecipe(BaseModel):
    """Everything that shapes a run of `vlclip train-grounder`, as one JSON file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: dict[str, Any] = Field(description="transformers' GroundingDinoConfig")
    backbone: str | None = Field(None, description="CLIP whose image tower's weights the backbone takes")
    vocab_size: int = Field(1600, ge=1100, description="most pieces: words, letters, special tokens")
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    naming_steps: int = Field(0, ge=0, description="batches that teach names before boxes")
    naming_lr: float = Field(5e-4, gt=0)
    drawn_share: float = Field(0.1, ge=0, lt=1, description="batches of whole scenes instead of composites")
    steps: int = Field(4000, ge=1)
    batch: int = Field(32, ge=1)
    lr: float = Field(4e-4, gt=0)
    named_lr: float = Field(1e-4, gt=0, description="of the backbone and the text side")
    warmup_steps: int = Field(200, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    save_every: int = Field(250, ge=1)
    seed: int = 0


def read_grounding_recipe(path: Path) -> GroundingRecipe:
    """The recipe in a JSON file; a `TrainingError` names the field that is wrong."""
    try:
        return GroundingRecipe.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"cannot read the recipe {path}: {error.strerror}") from None
    except ValidationError as error:
        raise TrainingError(f"{path}: {explain(error.errors(), GroundingRecipe)}") from None
