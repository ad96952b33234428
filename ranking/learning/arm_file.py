"""Learned weights as an arm for an experiment, and arms as TOML files.

Laws (tests/ranking/learning/test_arm_file.py):
- an arm is read back as it was written;
- a learned arm differs from the base arm only in its weights; a boost keeps its shape and its sign;
- if the weights in force are learned again, the arm that is written ranks as before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from vlclip.ranking.learning.rows import ClickEvidence
from vlclip.ranking.learning.weighing import BOOST, total
from vlclip.ranking.learning.weights import LearnedWeights
from vlclip.ranking.lists.answer import HISTORY
from vlclip.ranking.lists.arm import Arm, arm_of
from vlclip.ranking.statistics.bootstrap import Figure

DIGITS = 4
"""Significant digits of a weight in the file."""


def arm_weights(evidence: ClickEvidence, learned: LearnedWeights) -> dict[str, Figure]:
    """Learned weights in an arm's units: the history's is divided by the segments' sum, which scales it."""
    divisors = {HISTORY: evidence.segment_sum}
    return {
        name: Figure(
            figure.value / divisors.get(name, 1),
            figure.low / divisors.get(name, 1),
            figure.high / divisors.get(name, 1),
        )
        for name, figure in learned.weights.items()
    }


def learned_arm(
    base: Arm, evidence: ClickEvidence, learned: LearnedWeights, arm_id: str, *, keep_boosts: bool = False
) -> Arm:
    """The base arm with the learned weights; weights that were not learned stay as they were in force.

    With `keep_boosts`, boosts keep their weights, whatever clicks say of them. `BadArm` for a bad id.
    """
    new = {name: figure.value for name, figure in arm_weights(evidence, learned).items()}
    weights = {
        name: _rounded(new.get(name, weight))
        for name, weight in evidence.reference.items()
        if not name.startswith(BOOST)
    }
    boosts = []
    for boost in base.rules.boosts:
        part = BOOST + boost.field
        size = total(figure for figure in base.rules.boosts if figure.field == boost.field)
        share = 1.0 if keep_boosts or part not in new else new[part] / size
        boosts.append(boost.model_dump() | {"weight": _rounded(boost.weight * share)})
    form = base.model_dump() | {"id": arm_id, "weights": weights}
    form["rules"] = form["rules"] | {"boosts": boosts}
    return arm_of(form, arm_id)


def arm_text(arm: Arm, comment: Iterable[str] = ()) -> str:
    """An arm as TOML below a comment, without the knobs that have their default."""
    lines = [f"# {_printable(line)}".rstrip() for line in comment]
    form = arm.model_dump(mode="json", exclude_defaults=True) | {"id": arm.id}
    plain = {name: value for name, value in form.items() if not isinstance(value, dict)}
    lines += [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    for name, section in form.items():
        if name not in plain:
            lines += ["", f"[{_key(name)}]"]
            lines += [f"{_key(knob)} = {_value(value)}" for knob, value in section.items()]
    return "\n".join(lines) + "\n"


def _rounded(weight: float) -> float:
    return float(f"{weight:.{DIGITS}g}")


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    """A value as TOML, which is JSON except for objects and one control character."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
