"""What each extra of a list costs over the bare one: history, boosts, diversity, chance, logging.

    python benchmarks/extras.py --store FOLDER

`similar` with ten results, one request at a time, one thread, every way in turn, so that a noisy moment hits
all alike. No anchor is asked for twice: a store remembers rankings. Medians. The shopper has 50 events of
items near three anchors; `history` keeps the interests from one list to the next, `a new event` has to make
them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: one thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Query, Store
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.log import SqliteExposures
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.history.writer import Writer
from vlclip.ranking.lists.answer import Answer, Page
from vlclip.ranking.lists.arm import Arm, arm_of
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.service.settings import Settings

SHOPPER = "user:benchmark"
BOOSTS = {"boosts": [{"field": "available", "weight": 0.02, "shape": "flag"}]}
ARMS = {
    "boosts": {"rules": BOOSTS},
    "at most 3 of a colour": {"diversity": {"at_most": {"base_colour": 3}}},
    "at most 3 of a type": {"diversity": {"at_most": {"product_type": 3}}},
    "diversity": {"diversity": {"amount": 0.3}},
    "exploration": {"exploration": {"temperature": 0.05}},
    "all together": {
        "rules": BOOSTS, "diversity": {"amount": 0.3, "at_most": {"base_colour": 3}},
        "exploration": {"temperature": 0.05},
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True)
    parser.add_argument("--anchors", type=int, default=300, help="for each way")
    args = parser.parse_args()
    settings = Settings.load(store=args.store)
    with (
        closing(open_store(settings.store, settings)) as store,
        tempfile.TemporaryDirectory() as folder,
        closing(SqliteHistory(Path(folder) / "history.sqlite")) as history,
        closing(SqliteExposures(Path(folder) / "exposures.sqlite")) as log,
        closing(Writer(log.add, name="exposures", linger_s=0.2)) as exposures,
    ):
        anchors = some(store, args.anchors * (3 + len(ARMS) + 1))
        history.add(events(store, anchors[:3]))
        recommender = Recommender(store, Encoders(settings, store.info).load, settings.search, history)
        took = measured(recommender, history, exposures, anchors)
        exposures.flush()
        medians = {name: float(np.median(times)) for name, times in took.items()}
        bare = medians["bare"]
        figures = {
            name: {"p50_ms": round(p50, 3), "over_bare": round(p50 / bare, 2)}
            for name, p50 in medians.items()
        }
        print(json.dumps({"items": store.count(), "logged": log.count(), **figures}, indent=1))


def measured(
    recommender: Recommender, history: SqliteHistory, exposures: Writer[Exposure], anchors: list[str]
) -> dict[str, list[float]]:
    """Milliseconds of every way, by its name."""
    plain = {"shopper": "", "arm": PLAIN}
    options = {"shopper": SHOPPER, "arm": PLAIN}
    ways: dict[str, dict[str, object]] = {"bare": plain, "a new event": options, "history": options}
    for name, knobs in ARMS.items():
        ways[name] = {"shopper": SHOPPER if name == "all together" else "", "arm": arm_of(dict(knobs), name)}
    ways["logging"] = plain
    took: dict[str, list[float]] = {name: [] for name in ways}
    fresh = iter(anchors)
    for _ in range(len(anchors) // len(ways)):
        for (name, ask), anchor in zip(ways.items(), fresh, strict=False):
            arm = ask["arm"]
            assert isinstance(arm, Arm)
            if name == "a new event":
                history.add([event(anchor, time.time())])
            began = time.perf_counter()
            answer = recommender.similar(anchor, page=Page(limit=10), shopper=str(ask["shopper"]), arm=arm)
            if name in ("logging", "all together"):
                exposures.put([exposed(answer)])
            took[name].append((time.perf_counter() - began) * 1000)
    return {name: times[20:] for name, times in took.items()}  # the first twenty warm up


def exposed(answer: Answer) -> Exposure:
    """What a service logs of a list."""
    return Exposure(
        request_id=uuid.uuid4().hex, time=time.time(), kind="similar", unit=SHOPPER,
        arm=f"{answer.arm.id}@{answer.arm.hash}",
        items=tuple(ShownItem(result.id, result.score, result.parts, result.propensity) for result in answer),
        context={"weights": dict(answer.weights)}, candidates=answer.explored,
    )  # fmt: skip


def some(store: Store, count: int) -> list[str]:
    """Ids from all over the store."""
    ids = sorted(record.id for page in store.scan(fields=("id",)) for record in page)
    rows = np.random.default_rng(0).permutation(len(ids))[:count]
    return [ids[row] for row in rows]


def events(store: Store, anchors: list[str]) -> list[Event]:
    """Views of what is near the anchors, in turn, 50 in all."""
    records = store.retrieve(anchors, fields=("id",), with_vector=True)
    near = [store.search([Query(vector=records[anchor].vector, limit=17)])[0] for anchor in anchors]
    viewed_items = [hit.id for hits in zip(*near, strict=True) for hit in hits][:50]
    return [event(item, time.time() - 60 * n) for n, item in enumerate(viewed_items, 1)]


def event(item: str, at: float) -> Event:
    """The shopper looks at an item."""
    user = SHOPPER.removeprefix("user:")
    return Event(id=uuid.uuid4().hex, kind="view", item=item, time=at, user=user)


if __name__ == "__main__":
    main()
