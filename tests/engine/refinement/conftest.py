"""Items, settings and the switch that makes retries immediate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stamina

from vlclip.engine.item import Item
from vlclip.engine.refinement.refiner import AgentRefiner
from vlclip.engine.settings import Refinement


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries without waits, at most two, and no proxy on the way to loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def shirt() -> Item:
    """A product with a clean title."""
    return Item(
        "s1", title="Turtle Men Navy Blue Check Shirt", description="Cotton shirt with a button-down collar.",
        product_type="Shirts", brand="Turtle", price=999.0,
        attributes={"base_colour": "Navy Blue", "usage": "Formal", "gender": "Men"},
    )  # fmt: skip


Refining = Callable[..., AgentRefiner]


@pytest.fixture
def refining(tmp_path: Path) -> Iterator[Refining]:
    """Makes refiners over an endpoint's URL, with a cache of the test's own; closes them afterwards."""
    refiners: list[AgentRefiner] = []

    def make(url: str, **settings: object) -> AgentRefiner:
        defaults = {"mode": "llm", "base_url": url, "model": "m", "cache": str(tmp_path / "c.sqlite")}
        refiner = AgentRefiner(Refinement(**{**defaults, **settings}))
        refiners.append(refiner)
        return refiner

    yield make
    for refiner in refiners:
        refiner.close()
