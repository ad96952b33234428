"""The plan of a load test: who asks what, how often, and which limits hold. A TOML file with an id.

Laws (tests/loadtest/test_plan.py):
- a field that is misspelt, missing or out of range is named, with the field that was meant;
- every plan that ships can be read.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from vlclip.loadtest.errors import BadPlan

PLANS = Path(__file__).parent / "plans"
ENDPOINTS = ("similar", "search", "photo", "foryou", "events")
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mix(_Part):
    """Weights of what a shopper asks next, if nothing follows from the last list."""

    similar: float = Field(0.0, ge=0)
    search: float = Field(0.0, ge=0)
    photo: float = Field(0.0, ge=0)
    foryou: float = Field(0.0, ge=0)
    events: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any(dict(self).values()):
            raise ValueError("all weights are 0; give one of them more")
        return self


class Session(_Part):
    """What follows from a list.

    `follow` is the chance to continue with one of its items, which is a click, a view and its similar items;
    `click` is the chance to click one and not continue; `leave`, that the next request is another shopper's.
    """

    follow: Share = 0.3
    click: Share = 0.1
    leave: Share = 0.1


class Pace(_Part):
    """When a shopper asks next.

    `think`: a log-normal time after each answer, of median `think_s` and `think_sigma` (of its logarithm).
    `open`: at times that do not wait for the answer before, `per_user` a second on average (Poisson); time
    that a request was kept waiting by the one before it counts as its own.
    """

    kind: Literal["think", "open"] = "think"
    think_s: float = Field(2.0, gt=0)
    think_sigma: float = Field(0.8, ge=0, le=3)
    per_user: float = Field(1.0, gt=0, le=20)


class Constant(_Part):
    """`level` all the time. A level counts users, or requests per second if the pace is open."""

    kind: Literal["constant"]
    level: float = Field(gt=0)
    seconds: float = Field(gt=0)


class Ramp(_Part):
    """A level that changes evenly from `start` to `end`."""

    kind: Literal["ramp"]
    start: float = Field(gt=0)
    end: float = Field(gt=0)
    seconds: float = Field(gt=0)


class Spike(_Part):
    """`level`, and `peak` from `at_s` on for `peak_s` seconds."""

    kind: Literal["spike"]
    level: float = Field(gt=0)
    peak: float = Field(gt=0)
    at_s: float = Field(ge=0)
    peak_s: float = Field(gt=0)
    seconds: float = Field(gt=0)


class Soak(_Part):
    """A long time at a `share` of a knee that was found before (`--knee`)."""

    kind: Literal["soak"]
    share: float = Field(gt=0, le=1)
    seconds: float = Field(gt=0)


class Steps(_Part):
    """Levels of `seconds` each, every one `factor` times the last, until one misses a threshold.

    Then `bisect` times the middle (geometric) between the best that held and the least that did not. The
    first `settle_s` of a step do not count. No step is over `most`. A level that did not hold is tried again,
    `tries` times in all: on a busy machine any may fail once.
    """

    kind: Literal["steps"]
    start: float = Field(gt=0)
    factor: float = Field(1.5, gt=1)
    most: float = Field(1000.0, gt=0)
    seconds: float = Field(gt=0)
    settle_s: float = Field(2.0, ge=0)
    bisect: int = Field(0, ge=0, le=10)
    tries: int = Field(1, ge=1, le=10)


class Probe(_Part):
    """Which answers of `similar` and `search` are asked again with `exact=true`, after the run."""

    share: Share = 0.05
    most: int = Field(200, ge=1)
    rate_per_s: float = Field(5.0, gt=0)


class Limits(_Part):
    """Limits of one endpoint; a limit that is left out is not checked."""

    p50_ms: float | None = Field(None, gt=0)
    p95_ms: float | None = Field(None, gt=0)
    p99_ms: float | None = Field(None, gt=0)
    error_share: Share | None = None
    recall_at_10: Share | None = None
    rate_per_s: float | None = Field(None, gt=0)


class AllLimits(Limits):
    """Limits of all endpoints together, and of the whole run."""

    rss_growth_mb: float | None = Field(None, ge=0)
    knee_per_s: float | None = Field(None, gt=0)


class Thresholds(_Part):
    """Limits by endpoint."""

    similar: Limits = Limits()
    search: Limits = Limits()
    photo: Limits = Limits()
    foryou: Limits = Limits()
    events: Limits = Limits()
    all: AllLimits = AllLimits()


class Plan(_Part):
    """A whole plan. `zipf` is the exponent of the items' popularity, over `items` of the catalogue.

    `warm_s` are the seconds at the start that do not count. `queries` maps where words come from to its
    weight (`vlclip.loadtest.queries`). With `allow_busy` a 503 is no error; it is no answer either.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 0
    mix: Mix
    queries: dict[str, Annotated[float, Field(ge=0)]] = {"titles": 1.0}
    items: int = Field(2000, ge=1)
    ids: str = ""
    photos: str = ""
    zipf: float = Field(1.0, ge=0, le=5)
    session: Session = Session()
    pace: Pace = Pace()
    shape: Annotated[Constant | Ramp | Spike | Soak | Steps, Field(discriminator="kind")]
    warm_s: float = Field(2.0, ge=0)
    allow_busy: bool = False
    probe: Probe = Probe()
    thresholds: Thresholds = Thresholds()
    _folder: Path = PrivateAttr(Path())
    _hash: str = PrivateAttr("")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not any(self.queries.values()):
            raise ValueError("queries: all weights are 0; give one of them more")
        if self.shape.kind == "steps" and self.pace.kind == "think":
            raise ValueError("shape: steps look for a rate; set pace.kind = 'open'")
        if not isinstance(self.shape, Steps) and self.warm_s >= self.shape.seconds:
            raise ValueError("warm_s: nothing is left to count; make shape.seconds longer")
        return self

    @property
    def hash(self) -> str:
        """Hash of the file's bytes."""
        return self._hash

    def near(self, name: str) -> Path:
        """A file that the plan names, beside the plan."""
        return self._folder / name


def read_plan(path: Path | str) -> Plan:
    """The plan in a file, or the shipped one of that name; `BadPlan` names the field that is wrong."""
    file = Path(path)
    shipped = PLANS / f"{path}.toml"
    if not file.is_file() and not shipped.is_file():
        names = ", ".join(sorted(shipped_plan.stem for shipped_plan in PLANS.glob("*.toml")))
        raise BadPlan(f"no plan {str(path)!r}: give a TOML file, or one of these: {names}")
    file = file if file.is_file() else shipped
    content = file.read_bytes()
    try:
        plan = Plan.model_validate(tomllib.loads(content.decode()))
    except ValidationError as error:
        raise BadPlan(f"{file.name}: " + "; ".join(_explain(fault) for fault in error.errors())) from None
    except ValueError as error:
        raise BadPlan(f"{file.name} is not TOML: {error}") from None
    plan._folder, plan._hash = file.parent, hashlib.sha256(content).hexdigest()[:12]  # noqa: SLF001
    return plan


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), set(_names(Plan)), n=1)
        return f"{where}: no such field" + (f"; did you mean {near[0]}?" if near else "")
    if error["type"] == "string_pattern_mismatch":
        return f"{where}: write it in small letters, digits and hyphens, as in my-shop"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for part in getattr(field.annotation, "__args__", (field.annotation,)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _names(part)
