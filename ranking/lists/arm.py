"""An arm: one way to rank, as data. It is a TOML file with an id; its hash changes with its content.

Laws (tests/ranking/lists/test_arm.py):
- arms with equal knobs have equal hashes, however their files are written; any other knob changes the hash;
- an empty file is an arm that ranks by the settings;
- an unknown knob, or one that is out of range, is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import parse_clauses
from vlclip.engine.segments import SEGMENT_KINDS
from vlclip.engine.validation import explain
from vlclip.engine.weights import Weight
from vlclip.ranking.errors import BadArm
from vlclip.ranking.history.event_kinds import Kind, default_weights
from vlclip.ranking.settings import GroupBy

Number = Annotated[float, Field(allow_inf_nan=False)]


RANGES = ("lt", "lte", "gt", "gte")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(_Section):
    """How a shopper's events become up to `interests` directions of the fused space."""

    half_life: float = Field(5.0, gt=0, description="events after which one counts half")
    interests: int = Field(3, ge=1, le=10, description="most directions that are kept, the heaviest")
    events: int = Field(100, ge=1, le=1000, description="newest events that are read")
    apart: float = Field(
        0.5, ge=-1, le=1, description="items less alike than this cosine are of different interests"
    )
    kinds: dict[Kind, Number] = Field(
        default_factory=default_weights, description="what an event counts; below 0 pushes away"
    )


class Boost(_Section):
    """A term of the score from a field of the item: between 0 and `weight`, 0 without the field.

    - `rising`: weight · x / (x + half) of a number x, 0 below 0: popularity, margin
    - `fresh`: weight · 2^(-age / half) of a time, `half` in days, 0 for a time in the future
    - `flag`: weight if the field is true or a number over 0: available, stock
    """

    field: str = Field(min_length=1)
    weight: Number
    shape: Literal["rising", "fresh", "flag"] = "rising"
    half: float = Field(1.0, gt=0, allow_inf_nan=False)


class Rules(_Section):
    """What a shop wants to show, whatever people like."""

    boosts: tuple[Boost, ...] = ()
    include: tuple[str, ...] = Field((), description="filter clauses that all must hold: available=true")
    exclude: tuple[str, ...] = Field((), description="filter clauses none of which may hold: brand=Acme")

    @field_validator("include", "exclude")
    @classmethod
    def _readable(cls, clauses: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_clauses(clauses)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return clauses

    @field_validator("exclude")
    @classmethod
    def _has_opposite(cls, clauses: tuple[str, ...]) -> tuple[str, ...]:
        conditions = parse_clauses(clauses).conditions
        ranges = [condition.field for condition in conditions if condition.operator in RANGES]
        if ranges:
            raise ValueError(f"a range of {ranges[0]!r} is not excluded; include the other range")
        return clauses

    pins: tuple[str, ...] = Field((), description="ids that come first, if the filter lets them in")
    hide_history: bool = Field(
        default=True, description="in recommendations leave out the items they are made from"
    )
    hide_bought: bool = Field(default=False, description="leave out what this shopper bought")
    hide_seen: int = Field(0, ge=0, description="leave out what was seen so many times; 0 for never")
    group_by: GroupBy | None = Field(
        None, description="group: one result for each group of variants; none: for each item"
    )


class Diversity(_Section):
    """How much the list varies: 0 is pure relevance, 1 pure variety."""

    amount: float = Field(0.0, ge=0, le=1)
    window: int = Field(30, ge=1, le=1000, description="of the best results, how many it chooses from")
    at_most: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="results of one value of a field: {brand = 2}"
    )


class Exploration(_Section):
    """Chance in the order, so that the log can say what another order would have earned."""

    temperature: float = Field(0.0, ge=0, allow_inf_nan=False, description="0 leaves the order as it is")
    depth: int = Field(30, ge=1, le=1000, description="of the best results, how many may trade places")


class Arm(_Section):
    """One way to rank. Knobs that are not set are those of the request or the settings."""

    id: str = Field("default", pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    weights: dict[str, Weight] = Field(
        default_factory=dict, description=f"per score part: {', '.join(SEGMENT_KINDS)}, lexical, history"
    )
    profile: Profile = Profile()
    rules: Rules = Rules()
    diversity: Diversity = Diversity()
    exploration: Exploration = Exploration()

    @property
    def is_steady(self) -> bool:
        """Whether neither time nor chance has a part in its lists."""
        fresh = any(boost.shape == "fresh" for boost in self.rules.boosts)
        return not (fresh or self.exploration.temperature)

    @property
    def hash(self) -> str:
        """12 hex digits of everything but the id."""
        form = self.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
        body = json.dumps(form, sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:12]


def read_arm(path: Path) -> Arm:
    """The arm in a TOML file, named by its `id` or else by the file; `BadArm` if it cannot be read."""
    try:
        form = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no UTF-8, no TOML, or a path with a null byte
        raise BadArm(f"the arm {path} cannot be read: {error}") from None
    return arm_of({"id": path.stem} | form, str(path))


def arm_of(form: dict[str, object], source: str) -> Arm:
    """The arm of these values; `BadArm` names the first one that is wrong."""
    try:
        return Arm.model_validate(form)
    except ValidationError as error:
        reason = explain(error.errors(), Arm)
        raise BadArm(f"arm {source}: {reason} (see docs/experiments.md)") from None
