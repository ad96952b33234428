"""What `vlclip ablate` is to judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationPlan:
    """A catalogue and the part of it to judge, models, and fields.

    `truth` is the file with what is true of the items, by default the one beside the catalogue. `tuned` is
    a CLIP to compare with that of the settings. `slices` and `attributes` are fields of items, or columns
    of the catalogue that feed one; `mapping` maps columns and `encoding` reads files as for ingestion.
    """

    source: str
    truth: Path | None = None
    tuned: str | None = None
    split: Literal["all", "validation"] = "all"
    limit: int | None = None
    slices: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    mapping: tuple[str, ...] = ()
    encoding: str = ""
