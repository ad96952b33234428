"""Whether pages continue each other: how many places of ten pages of ten show an item a second time.

    python benchmarks/pages.py --store ./store --walks 60

More like an item, by photo and text and by the text alone, and words (the item's title, or its type). With
`exact=true` every vector is compared, which leaves nothing to the graph; of those a tenth is walked.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

import numpy as np

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.lists.answer import Answer, Page
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.settings import Settings

PAGES, LIMIT = 10, 10
TEXT_ALONE = {"image": 0.0, "text": 1.0}


def repeated(ask: Callable[[Page], Answer], *, exact: bool) -> int:
    """Places of one walk that show what was shown before."""
    pages = (Page(limit=LIMIT, offset=LIMIT * page, exact=exact) for page in range(PAGES))
    walked = [result.id for page in pages for result in ask(page)]
    return len(walked) - len(set(walked))


def tell(name: str, asks: Sequence[Callable[[Page], Answer]]) -> None:
    """A line of the table."""
    few = asks[: max(1, len(asks) // 10)]
    by_graph = [repeated(ask, exact=False) for ask in asks]
    exactly = [repeated(ask, exact=True) for ask in few]
    places = PAGES * LIMIT
    print(
        f"| {name} | {sum(by_graph)} of {places * len(asks):,} | {np.count_nonzero(by_graph)} of {len(asks)} "
        f"| {sum(exactly)} of {places * len(few):,} |",
        flush=True,
    )


def main() -> None:
    """Walk, count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="folder of a store")
    parser.add_argument("--walks", type=int, default=60)
    arguments = parser.parse_args()
    settings = Settings.load(store=arguments.store)
    with closing(open_store(arguments.store, settings)) as store:
        shop = Recommender(store, Encoders(settings, store.info).load, settings.search)
        payloads = {
            item.id: item.payload for batch in store.scan(fields=("title", "product_type")) for item in batch
        }
        ids = np.random.default_rng(0).choice(sorted(payloads), arguments.walks, replace=False).tolist()
        print("| asked | places shown twice | walks with such | with `exact=true` |\n|---|---|---|---|")
        tell("similar", [lambda page, item=item: shop.similar(item, page=page) for item in ids])
        by_text = partial(shop.similar, weights=TEXT_ALONE)
        tell("similar, text alone", [lambda page, item=item: by_text(item, page=page) for item in ids])
        for field in ("title", "product_type"):
            words = [str(payloads[item].get(field) or item) for item in ids]
            tell(f"words, {field}", [lambda page, text=text: shop.search(text, page=page) for text in words])


if __name__ == "__main__":
    main()
