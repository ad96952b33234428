"""Learned weights as an arm that an experiment can take at once, and an arm as a TOML file.

Laws (tests/ranking/learning/test_arm_file.py):
- what is written is read back equal;
- all but the weights is as in the base arm; a boost keeps its shape and its sign;
- learning what is in force writes an arm that ranks alike.
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
    """What was learned as an arm's weights: the history's is over the segments' sum, which scales it."""
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
    """The base arm with what was learned, and every other weight as it was in force.

    With `keep_boosts` boosts weigh what they did, whatever clicks say of them. `BadArm` for a bad id.
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
    """An arm as TOML, what is as by default left out, under a comment."""
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
    """JSON is TOML, but for objects and one control character."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
