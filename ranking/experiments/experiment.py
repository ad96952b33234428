"""An experiment: several arms at once; a hash deals each unit to one of them.

Arms are dealt by weighted rendezvous hashing: the hash of salt, arm id and unit gives each arm an exponential
waiting time with the arm's share as its rate, and the arm with the shortest time gets the unit. (Thaler &
Ravishankar, Using name-based mappings to increase hit rates, 1998; weights as in Efraimidis & Spirakis,
Weighted random sampling with a reservoir, 2006.)

Laws (tests/ranking/experiments/test_experiment.py):
- a unit has the same arm at any time, in any process, and in any order of the arms;
- an arm gets its share of the units; another salt deals them anew, independently;
- if an arm is added, a unit either stays or moves to the new arm, and no more move than its share; if an arm
  is removed, only its own units move; changed knobs move no unit;
- nobody in particular gets the first arm.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlclip.engine.validation import explain
from vlclip.ranking.errors import BadArm
from vlclip.ranking.lists.arm import Arm, arm_of, read_arm

ALARM = 0.001
"""Below this p the units are not dealt by the shares (Kohavi, Tang & Xu, 2020, chapter 21)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Arms with different ids, each with a share over 0 on any scale; others are compared with the first."""

    id: str
    salt: str
    arms: tuple[Arm, ...]
    shares: tuple[float, ...]

    def assign(self, unit: str) -> Arm:
        """The arm of a unit; the first arm for the unit ""."""
        if not unit:
            return self.arms[0]
        shares = zip(self.arms, self.shares, strict=True)
        waits = [_wait(self.salt, arm.id, unit) / share for arm, share in shares]
        return self.arms[waits.index(min(waits))]


class _ArmForm(BaseModel):
    """A share, and either a file or the knobs of an arm."""

    model_config = ConfigDict(extra="allow")

    # any scale on which sums and quotients of shares stay finite
    share: float = Field(ge=1e-12, le=1e12, allow_inf_nan=False)
    file: str = ""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    salt: str = ""
    arms: list[_ArmForm] = Field(min_length=1)


def read_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file; `BadArm` says what is wrong with it or with one of its arms."""
    try:
        form = _Form.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadArm(f"the experiment {path} cannot be read: {error}") from None
    except ValidationError as error:
        reason = explain(error.errors(), _Form)
        raise BadArm(f"experiment {path}: {reason} (see docs/experiments.md)") from None
    arms = tuple(_arm(arm_form, path, number) for number, arm_form in enumerate(form.arms, 1))
    ids = [arm.id for arm in arms]
    if len(set(ids)) < len(ids):
        raise BadArm(f"experiment {path}: its arms are called {', '.join(ids)}; give each an id of its own")
    return Experiment(
        id=form.id,
        salt=form.salt or form.id,
        arms=arms,
        shares=tuple(arm_form.share for arm_form in form.arms),
    )


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The p-value of the units' `counts` by arm if they were dealt by `shares`: Pearson's chi-square.

    1 if there is nothing to compare: one arm, or no units. Under `ALARM` do not trust the experiment
    (Fabijan et al., Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019).
    """
    units, whole = sum(counts), math.fsum(shares)
    if len(counts) < 2 or not units:
        return 1.0
    from scipy.stats import chisquare  # noqa: PLC0415 - a second, and only reports need it

    return float(chisquare(counts, [units * share / whole for share in shares]).pvalue)


def _arm(form: _ArmForm, path: Path, number: int) -> Arm:
    knobs = form.model_extra or {}
    if form.file and knobs:
        raise BadArm(f"experiment {path}: arm {number} has a file and {', '.join(knobs)}; leave out one")
    if form.file:
        return read_arm(path.parent / form.file)
    return arm_of(knobs, f"{number} of {path}")


def _wait(salt: str, arm: str, unit: str) -> float:
    """An exponential waiting time of rate 1; the same words give the same time."""
    words = f"{salt}\0{arm}\0{unit}".encode(errors="surrogatepass")
    digest = hashlib.blake2b(words, digest_size=8).digest()
    return -math.log(((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52)
