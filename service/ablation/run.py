"""An ablation from a catalogue's path to a report: what was asked, what there was, every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.errors import ItemError
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.refinement.refiner import load_refiner
from vlclip.engine.training.pairs import is_validation
from vlclip.ingestion.datasets.truth import read_truth, truth_beside
from vlclip.ingestion.reading.catalogue import Catalogue, open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.attributes import LEAST, Told, class_vectors, classes_of, tell
from vlclip.ranking.evaluation.ablation.boxes import Grounded, judge_boxes
from vlclip.ranking.evaluation.ablation.measurement import Ablation, Model, Photo, ablate
from vlclip.service.ablation.items import AblationSet, Parts, read_set
from vlclip.service.ablation.items import Told as Progress
from vlclip.service.settings import Settings

COLOURS = ("base_colour", "colour", "color")
ATTRIBUTES = (*COLOURS, "usage", "product_type")
"""Fields told from photos where nobody says which, as far as the catalogue has them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to judge: a catalogue and its part, models, and fields.

    `truth` is the file of what is true, by default the one beside the catalogue. `slices` and
    `attributes` are fields of items, or columns of the catalogue that feed one.
    """

    source: str
    truth: Path | None = None
    tuned: str | None = None
    split: Literal["all", "validation"] = "all"
    limit: int | None = None
    slices: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    mapping: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldBy:
    """A field told from one kind of photo by one model."""

    photo: Photo
    model: Model
    told: Told


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to print. `made_by` names the models, the grounder and the refiner's version."""

    source: str
    made_by: Mapping[str, str]
    ablation: Ablation
    grounded: Grounded | None
    attributes: tuple[ToldBy, ...]
    notes: tuple[str, ...]


def run_ablation(asked: Asked, settings: Settings, progress: Progress = lambda *_: None) -> Report:
    """Judge the settings' CLIP, grounder and refiner on a catalogue, each alone and together.

    Errors: `CatalogueError` and `MappingError` for a catalogue or a truth that cannot be read,
    `EncoderError` for models, `EvaluationError` for unknown fields and where there is too little to judge.
    """
    catalogue = open_catalogue(asked.source)
    columns = map_columns(catalogue, asked.mapping)
    fields = _fields(catalogue, columns)
    sliced = [_resolve(name, columns, fields) for name in asked.slices]
    told = [_resolve(name, columns, fields) for name in asked.attributes]
    path = asked.truth or truth_beside(asked.source)
    truth = {} if path is None else read_truth(path)
    with ExitStack() as open_:
        refiner = load_refiner(settings.refinement, settings.language)
        if refiner is not None:
            open_.enter_context(closing(refiner))
        names: dict[Model, str] = {"base": settings.clip}
        if asked.tuned:
            names["tuned"] = asked.tuned
        clips = {model: load_clip(name, settings.device) for model, name in names.items()}
        parts = Parts(clips, load_grounder(settings.grounding, settings.device), refiner)
        judged = read_set(
            catalogue, columns, truth, parts, settings,
            validation=asked.split == "validation", limit=asked.limit, told=progress,
        )  # fmt: skip
    colour = next((name for name in COLOURS if name in fields), None)
    alike = {"type": "product_type", "colour": colour or ""}
    rows = sum(len(one.photos) * len(one.texts) for one in judged.models.values())
    table = ablate(
        judged.models,
        [known.clean_title or item.title for known, item in zip(judged.truth, judged.items, strict=True)],
        {name: judged.values(key) for name, key in alike.items() if key in fields},
        _slices(judged, sliced),
        told=lambda done: progress("rows", done, rows),
    )
    notes: list[str] = []
    attributes = _tell(told or [name for name in ATTRIBUTES if name in fields], judged, parts, notes)
    made_by: dict[str, str] = dict(names.items())
    if parts.grounder is not None:
        made_by["grounder"] = parts.grounder.name
    if refiner is not None:
        made_by["refiner"] = refiner.version
    grounded = None
    if judged.found:
        grounded = judge_boxes(judged.found_boxes, judged.true_boxes, judged.scores, judged.cropped)
    return Report(asked.source, made_by, table, grounded, attributes, (*_notes(asked, judged), *notes))


def _slices(judged: AblationSet, fields: Sequence[str]) -> dict[str, list[str]]:
    """Every item's value by slice, "" for none."""
    titles = [
        "" if not known.clean_title else "clean" if known.clean_title == item.title else "messy"
        for known, item in zip(judged.truth, judged.items, strict=True)
    ]
    scenes = [known.scene for known in judged.truth]
    return {"scene": scenes, "product": judged.worn, "title": titles} | {
        name: judged.values(name) for name in fields
    }


def _tell(fields: Sequence[str], judged: AblationSet, parts: Parts, notes: list[str]) -> tuple[ToldBy, ...]:
    """Each field told from full photos and crops by each model."""
    out: list[ToldBy] = []
    for name in dict.fromkeys(fields):
        values = judged.values(name)
        classes = classes_of(values)
        if len(classes) < 2:
            notes.append(f"{name}: fewer than two values of at least {LEAST} items; not told from photos")
            continue
        for model, encoded in judged.models.items():
            vectors = class_vectors(name, classes, parts.clips[model].encode_texts)
            for photo, rows in encoded.photos.items():
                if photo != "box":
                    out.append(ToldBy(photo, model, tell(name, rows, values, classes, vectors)))
    return tuple(out)


def _notes(asked: Asked, judged: AblationSet) -> list[str]:
    """What a reader of the table has to know about these items."""
    notes = []
    n = len(judged.items)
    boxed = sum(known.box is not None for known in judged.truth)
    if 0 < boxed < n:
        notes.append(f"{n - boxed:,} of {n:,} items have no true box; their whole photo stands in for it")
    seen = sum(not is_validation(item.id) for item in judged.items)
    if asked.tuned and seen:
        notes.append(
            f"{seen:,} of {n:,} items are not among those that training keeps back; if the tuned model has "
            "learned from this catalogue, judge with --split validation"
        )
    return notes


def _fields(catalogue: Catalogue, columns: ColumnMapping) -> set[str]:
    """Fields that the catalogue's first items have."""
    known: set[str] = set()
    for row in catalogue.sample:
        try:
            known |= columns.item(row.values)[0].payload().keys()
        except ItemError:
            continue
    return known - {"id", "image"}


def _resolve(name: str, columns: ColumnMapping, known: set[str]) -> str:
    """The field that is called `name`, or that a column of this name feeds."""
    fed = (field for field, origin in columns.fields.items() if origin.column == name)
    found = name if name in known else next(fed, None)
    if found in known:
        return str(found)
    near = get_close_matches(name, {*known, *(origin.column for origin in columns.fields.values())}, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else f"; there are {', '.join(sorted(known))}"
    raise EvaluationError(f"no item has a field {name!r}{hint}")
