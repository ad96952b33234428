"""Names of the runs of one evaluation: each stands once, and the run that the others are held to exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vlclip.ranking.errors import EvaluationError


def check_names(names: Iterable[str]) -> None:
    """`EvaluationError` where two runs have one name."""
    earlier_names: set[str] = set()
    for name in names:
        if name in earlier_names:
            raise EvaluationError(f"two runs are called {name!r}; give one of them another id or file name")
        earlier_names.add(name)


def check_reference(against: str | None, names: Sequence[str]) -> None:
    """`EvaluationError` where the reference run is named and not among the runs."""
    if against is not None and against not in names:
        raise EvaluationError(f"no run is called {against!r}; there are: {', '.join(names)}")
