"""What is known to be true of a catalogue's items: the `truth.jsonl` that draw and compose write.

One JSON object a line: `id`, and as far as they are known `box` (x0, y0, x1, y1 in pixels of the photo),
`scene` and `clean_title`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from vlclip.engine.grounding.grounder import Box
from vlclip.ingestion.errors import CatalogueError

TRUTH = "truth.jsonl"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one item; "" and None where it is not known."""

    box: Box | None = None
    scene: str = ""
    clean_title: str = ""


def truth_beside(source: str | Path) -> Path | None:
    """The `truth.jsonl` in a catalogue's folder or beside it; None where there is none."""
    source = Path(source).expanduser()
    return next((path for path in (source / TRUTH, source.parent / TRUTH) if path.is_file()), None)


def read_truth(path: Path) -> dict[str, Truth]:
    """What is known, by item id. Errors: `CatalogueError` with the line that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"cannot read {path}: {error}") from None
    truths: dict[str, Truth] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            truths[str(row["id"])] = Truth(
                _box(row.get("box")), str(row.get("scene") or ""), str(row.get("clean_title") or "")
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CatalogueError(
                f"{path}, line {number}: each line is one JSON object, with `id` and, where known, "
                "`box` (x0, y0, x1, y1), `scene` and `clean_title`"
            ) from None
    return truths


def _box(edges: object) -> Box | None:
    if edges is None:
        return None
    if not isinstance(edges, list) or len(edges) != 4 or not all(isfinite(edge) for edge in edges):
        raise ValueError
    x0, y0, x1, y1 = map(float, edges)
    return x0, y0, x1, y1
