"""An ablation from a plan to a report: models are loaded, items read, and every table made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from difflib import get_close_matches

from vlclip.engine.encoding.loading import load_encoder
from vlclip.engine.errors import ItemError
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.refinement.refiner import load_refiner
from vlclip.engine.training.held_out import is_validation
from vlclip.ingestion.datasets.truth import read_truth, truth_beside
from vlclip.ingestion.reading.catalogue import Catalogue, open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.attributes import (
    LEAST,
    AttributeScore,
    class_vectors,
    classes_of,
    score_attribute,
)
from vlclip.ranking.evaluation.ablation.boxes import Grounded, judge_boxes
from vlclip.ranking.evaluation.ablation.measurement import Ablation, Model, Photo, ablate
from vlclip.service.ablation.items import AblationSet, ItemSource, Parts, Progress, read_set
from vlclip.service.ablation.plan import AblationPlan
from vlclip.service.settings import Settings

COLOURS = ("base_colour", "colour", "color")
ATTRIBUTES = (*COLOURS, "usage", "product_type")
"""Fields recognised in photos by default, as far as the catalogue has them."""


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """How well a field is recognised in one kind of photo by one model."""

    photo: Photo
    model: Model
    score: AttributeScore


@dataclass(frozen=True, slots=True)
class AblationReport:
    """Everything there is to print. `made_by` names the models, the grounder and the refiner's version."""

    source: str
    made_by: Mapping[str, str]
    ablation: Ablation
    grounded: Grounded | None
    attributes: tuple[AttributeRow, ...]
    notes: tuple[str, ...]


def run_ablation(
    plan: AblationPlan, settings: Settings, progress: Progress = lambda *_: None
) -> AblationReport:
    """Judge the settings' CLIP, grounder and refiner on a catalogue, each alone and together.

    Errors: `CatalogueError` and `MappingError` for a catalogue or a truth that cannot be read,
    `EncoderError` for models, `EvaluationError` for unknown fields and for too few items.
    """
    catalogue = open_catalogue(plan.source, encoding=plan.encoding)
    columns = map_columns(catalogue, plan.mapping, ReadingChoices.of(settings))
    fields = _fields(catalogue, columns)
    slices = [_resolve(name, columns, fields) for name in plan.slices]
    attributes = [_resolve(name, columns, fields) for name in plan.attributes]
    path = plan.truth or truth_beside(plan.source)
    source = ItemSource(
        catalogue=catalogue, columns=columns, truth={} if path is None else read_truth(path),
        validation=plan.split == "validation", limit=plan.limit,
    )  # fmt: skip
    names: dict[Model, str] = {"base": settings.clip}
    if plan.tuned:
        names["tuned"] = plan.tuned
    with ExitStack() as open_:
        refiner = load_refiner(settings.refinement, settings.language, settings.fetch.limits)
        if refiner is not None:
            open_.enter_context(closing(refiner))
        clips = {
            model: load_encoder(name, settings.device, settings.runtime) for model, name in names.items()
        }
        parts = Parts(clips, load_grounder(settings.grounding, settings.device, settings.runtime), refiner)
        judged = read_set(source, parts, settings, progress)
    table = _table(judged, slices, fields, progress)
    attribute_rows, notes = _attribute_rows(
        attributes or [name for name in ATTRIBUTES if name in fields], judged, parts
    )
    made_by: dict[str, str] = dict(names.items())
    if parts.grounder is not None:
        made_by["grounder"] = parts.grounder.name
    if refiner is not None:
        made_by["refiner"] = refiner.version
    grounded = None
    if judged.detections:
        grounded = judge_boxes(judged.detected_boxes, judged.true_boxes, judged.scores, judged.cropped)
    return AblationReport(
        plan.source, made_by, table, grounded, tuple(attribute_rows), (*_notes(plan, judged), *notes)
    )


def _table(judged: AblationSet, slices: Sequence[str], fields: set[str], progress: Progress) -> Ablation:
    colour = next((name for name in COLOURS if name in fields), None)
    alike = {"type": "product_type", "colour": colour or ""}
    rows = sum(len(encoded.photos) * len(encoded.texts) for encoded in judged.models.values())
    return ablate(
        judged.models,
        [truth.clean_title or item.title for truth, item in zip(judged.truth, judged.items, strict=True)],
        {name: judged.values(key) for name, key in alike.items() if key in fields},
        _slices(judged, slices),
        progress=lambda done_rows: progress("rows", done_rows, rows),
    )


def _slices(judged: AblationSet, fields: Sequence[str]) -> dict[str, list[str]]:
    """Every item's value by slice, "" for none."""
    titles = [
        "" if not truth.clean_title else "clean" if truth.clean_title == item.title else "messy"
        for truth, item in zip(judged.truth, judged.items, strict=True)
    ]
    scenes = [truth.scene for truth in judged.truth]
    return {"scene": scenes, "product": judged.worn, "title": titles} | {
        name: judged.values(name) for name in fields
    }


def _attribute_rows(
    fields: Sequence[str], judged: AblationSet, parts: Parts
) -> tuple[list[AttributeRow], list[str]]:
    """Each field as every model recognises it in full photos and crops, and notes on those left out."""
    rows: list[AttributeRow] = []
    notes: list[str] = []
    for name in dict.fromkeys(fields):
        values = judged.values(name)
        classes = classes_of(values)
        if len(classes) < 2:
            notes.append(f"{name}: fewer than two values of at least {LEAST} items; not told from photos")
            continue
        for model, encoded in judged.models.items():
            prompts = class_vectors(name, classes, parts.clips[model].encode_texts)
            for photo, vectors in encoded.photos.items():
                if photo != "box":
                    score = score_attribute(name, vectors, values, classes, prompts)
                    rows.append(AttributeRow(photo, model, score))
    return rows, notes


def _notes(plan: AblationPlan, judged: AblationSet) -> list[str]:
    """What a reader of the tables must know about these items."""
    notes = []
    n = len(judged.items)
    boxed = sum(truth.box is not None for truth in judged.truth)
    if 0 < boxed < n:
        notes.append(f"{n - boxed:,} of {n:,} items have no true box; their whole photo is used instead")
    in_training = sum(not is_validation(item.id) for item in judged.items)
    if plan.tuned and in_training:
        notes.append(
            f"{in_training:,} of {n:,} items are not among those that training keeps back; if the tuned "
            "model has learned from this catalogue, judge with --split validation"
        )
    return notes


def _fields(catalogue: Catalogue, columns: ColumnMapping) -> set[str]:
    """Fields that the catalogue's first items have."""
    fields: set[str] = set()
    for row in catalogue.sample:
        try:
            fields |= columns.item(row.values)[0].payload().keys()
        except ItemError:
            continue
    return fields - {"id", "image"}


def _resolve(name: str, columns: ColumnMapping, fields: set[str]) -> str:
    """The field that is called `name`, or that a column of this name feeds."""
    by_column = (field for field, origin in columns.fields.items() if origin.column == name)
    resolved = name if name in fields else next(by_column, None)
    if resolved in fields:
        return str(resolved)
    near = get_close_matches(name, {*fields, *(origin.column for origin in columns.fields.values())}, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else f"; there are {', '.join(sorted(fields))}"
    raise EvaluationError(f"no item has a field {name!r}{hint}")
