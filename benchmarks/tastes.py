"""Do both tastes of a shopper show in their ten recommendations: three interests against one average.

    python benchmarks/tastes.py --catalogue ../shared/data/fashion

A simulated shopper has two tastes: two product types, each in one colour, drawn from those with at least
`--events` + 10 products. Of each they view `--events` products, all in mixed order, or first all of one and
then all of the other; further views of any product, 10 % or 30 % as many, are strewn in at any place. The
products viewed are left out of the ranking, as `hide_history` does. Both tastes show if a product of each
type in its colour is among the ten with the best scores. Photo and title are embedded by vlclip-small and
weigh the same. "Best as it is" takes an item's best score over the interests without sharing places.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlclip.ranking.statistics.arrays import Values

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.item import Item
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.ingestion.datasets.item_photos import item_photo_batches
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.lists.profile import factors, interests
from vlclip.ranking.statistics.bootstrap import interval, resampled_means
from vlclip.service.settings import Settings

TOP = 10
LEFT = 10
"""Products of a taste that are left to be found, at least."""
Taste = tuple[str, str]
GROUPS = [(mixed, noise) for mixed in (True, False) for noise in (0.1, 0.3)]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to make a list: a profile, and whether interests share its places."""

    name: str
    profile: Profile
    shared: bool = True


WAYS = (
    Way("one average", Profile(apart=-1)),
    Way("one average, half-life 20", Profile(apart=-1, half_life=20)),
    Way("three interests, best as it is", Profile(), shared=False),
    Way("three interests (default)", Profile()),
    *(Way(f"three interests, half-life {h:g}", Profile(half_life=h)) for h in (1, 2, 20)),
    *(Way(f"three interests, apart {a:g}", Profile(apart=a)) for a in (0.3, 0.7)),
    *(Way(f"{n} interests", Profile(interests=n)) for n in (2, 5)),
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """Rows of the items viewed, newest first, and the two tastes they were drawn from."""

    viewed: list[int]
    tastes: tuple[Taste, Taste]


def shoppers(
    tastes: Mapping[Taste, Sequence[int]], items: int, args: argparse.Namespace, noise: float, *, mixed: bool
) -> list[Shopper]:
    """Simulated people; `tastes` are the rows of the items of each type and colour."""
    rng = np.random.default_rng(args.seed)
    names = sorted(taste for taste, rows in tastes.items() if len(rows) >= args.events + LEFT)
    drawn_shoppers: list[Shopper] = []
    while len(drawn_shoppers) < args.shoppers:
        first, second = (names[n] for n in rng.choice(len(names), 2, replace=False))
        if first[0] == second[0]:
            continue
        viewed = np.concatenate(
            [rng.choice(tastes[taste], args.events, replace=False) for taste in (first, second)]
        )
        if mixed:
            rng.shuffle(viewed)
        strewn = rng.integers(0, items, round(noise * len(viewed)))
        viewed = np.insert(viewed, rng.integers(0, len(viewed) + 1, len(strewn)), strewn)
        drawn_shoppers.append(Shopper(viewed.tolist(), (first, second)))
    return drawn_shoppers


def both_show(
    people: Sequence[Shopper], tastes: Sequence[Taste], vectors: Floats, space: FusedSpace, way: Way
) -> Values:
    """1.0 for every shopper whose tastes are both among the ten, else 0.0."""
    by_id = {str(row): vector for row, vector in enumerate(vectors)}
    shares = np.zeros(len(people))
    for n, person in enumerate(people):
        events = [
            Event(id=str(place), kind="view", item=str(row), time=float(1e6 - place), user=str(n))
            for place, row in enumerate(person.viewed)
        ]
        profile = interests(events, by_id, space, way.profile)
        table = np.stack([interest.vector for interest in profile]) @ vectors.T
        table[:, person.viewed] = -np.inf
        if way.shared:
            table *= np.float32(factors(table, [interest.weight for interest in profile]))[:, None]
        best = table.max(axis=0)
        top = np.argpartition(-best, TOP)[:TOP]
        shares[n] = set(person.tastes) <= {tastes[row] for row in top}
    return shares


def read(source: str, most: int, colour: str) -> tuple[list[Taste], Floats, FusedSpace]:
    """The type and colour of the first products with both, and their vectors."""
    clip = load_clip("vlclip-small", "cpu")
    catalogue = open_catalogue(source)
    items: list[Item] = []
    images: list[Floats] = []
    for batch in item_photo_batches(catalogue, map_columns(catalogue, []), Settings()):
        with_photos = [entry for entry in batch if entry is not None][: most - len(items)]
        if not with_photos:
            break
        items += [entry.item for entry in with_photos]
        images.append(clip.encode_images([entry.photo for entry in with_photos]))
    segments = {"image": np.concatenate(images), "text": clip.encode_texts([item.text for item in items])}
    space = FusedSpace(tuple(Segment(name, clip.size) for name in segments))
    tastes = [(item.product_type, str(item.attributes.get(colour, ""))) for item in items]
    return tastes, space.item_vectors(segments, len(items)), space


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue", required=True)
    parser.add_argument("--items", type=int, default=6000)
    parser.add_argument("--shoppers", type=int, default=500)
    parser.add_argument("--events", type=int, default=6, help="of each taste")
    parser.add_argument("--colour", default="base_colour", help="the attribute that says the colour")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    tastes, vectors, space = read(args.catalogue, args.items, args.colour)
    rows: dict[Taste, list[int]] = defaultdict(list)
    for row, taste in enumerate(tastes):
        if all(taste):
            rows[taste].append(row)
    groups = [shoppers(rows, len(tastes), args, noise, mixed=mixed) for mixed, noise in GROUPS]
    enough = sum(len(own) >= args.events + LEFT for own in rows.values())
    print(f"{len(tastes):,} products, {enough} tastes, {args.shoppers} shoppers, {args.events} views of each")
    heads = [f"{'mixed' if mixed else 'one after the other'}, {noise:.0%} other" for mixed, noise in GROUPS]
    print("| | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for way in WAYS:
        cells = []
        for people in groups:
            shares = both_show(people, tastes, vectors, space, way)[:, None]
            figure = interval(float(shares.mean()), resampled_means(shares)[:, 0])
            cells.append(f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})")
        print(f"| {way.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
