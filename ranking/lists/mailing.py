"""Lists for many users, for mail and feeds: each user once, in the order in which they were named.

Laws (tests/ranking/lists/test_mailing.py):
- a user's list is the one that the recommender gives;
- a user of whom nothing counts has the list of everybody new, which is marked;
- memory follows the number of users made at a time, not their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.engine.errors import TableError
from vlclip.engine.tables.lines import check_encoding, read_whole
from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.history.history import BulkHistory
from vlclip.ranking.lists.answer import Answer, Page, Result
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.tables.cells import identifier
from vlclip.ranking.tables.columns import Guess, choose_columns
from vlclip.ranking.tables.fields import GUESSES
from vlclip.ranking.tables.table import open_table

USERS = 200
"""Users whose lists are made at a time."""
THREADS = 4
"""Lists made at once; most of a list is the store's search, which does not hold Python up."""
_USER = Guess("user", (*GUESSES[0].names, "subscriberkey", "contactid", "email", "id"))


@dataclass(frozen=True, slots=True)
class UserList:
    """A user and their list."""

    user: str
    answer: Answer

    @property
    def is_fallback(self) -> bool:
        """Whether nothing is known of the user, so that it is a list for anybody."""
        return self.answer.strategy != "history"


def make_lists(
    users: Iterable[str],
    recommender: Recommender,
    history: BulkHistory,
    *,
    arm: Arm,
    page: Page,
    weights: Mapping[str, float],
) -> Iterator[list[UserList]]:
    """The lists of `USERS` users at a time; those without an event share one, unless chance orders it."""

    def recommend(user: str) -> Answer:
        return recommender.recommend(unit_of(user), weights=weights, page=page, arm=arm)

    is_shared = not arm.exploration.temperature
    for_anybody: tuple[Answer, ...] = ()
    remaining = iter(users)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="lists") as pool:
        while part := list(islice(remaining, USERS)):
            active = [user for user in part if not is_shared or history.recent(unit_of(user), 1)]
            answers = dict(zip(active, pool.map(recommend, active), strict=True))
            for user in part:
                if user not in answers:
                    for_anybody = for_anybody or (recommend(user),)
                    answers[user] = for_anybody[0]
            yield [UserList(user, answers[user]) for user in part]


def users_of(history: BulkHistory) -> Iterator[str]:
    """Every user who has an event; sessions of people who were not logged in are none."""
    prefix = unit_of("x").removesuffix("x")
    return (unit.removeprefix(prefix) for unit in history.units() if unit.startswith(prefix))


def read_users(path: Path, encoding: str = "") -> list[str]:
    """The users in a file, each once: a line each, or the column of users of a table.

    `encoding` is that of a text that is not UTF-8.

    `BadTable` where it cannot be read or names nobody.
    """
    if path.suffix.lower() in {".txt", ""}:
        try:
            names: Sequence[str] = read_whole(path, check_encoding(encoding)).split("\n")
        except (OSError, TableError) as error:
            raise BadTable(f"{path} cannot be read ({error}); give a file with a user a line") from None
    else:
        table = open_table(path, encoding=encoding)
        column = choose_columns(table.columns, table.sample, [_USER], {}, path.name)["user"]
        column = column or (table.columns[0] if len(table.columns) == 1 else "")
        if not column:
            raise BadTable(
                f"{path} has no column for the user; it has {', '.join(table.columns)}: name one 'user'"
            )
        names = [identifier(row.get(column)) for _, row in table.rows()]
    users = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not users:
        raise BadTable(f"{path} names no users")
    return users


def list_form(item_list: UserList, photo_base: str) -> dict[str, Any]:
    """A user's list as JSON values. `photo_base` is put before photos that are no URLs."""
    answer = item_list.answer
    items = [
        {
            "rank": rank, "id": result.id, "score": float(result.score),
            "title": result.title, **_price(result),
            "photo": photo_url(result.item.get("image"), photo_base),
        }
        for rank, result in enumerate(answer, 1)
    ]  # fmt: skip
    return {
        "user": item_list.user, "strategy": answer.strategy, "is_fallback": item_list.is_fallback,
        "arm": f"{answer.arm.id}@{answer.arm.hash}", "items": items,
    }  # fmt: skip


def photo_url(image: Any, base: str) -> str:
    """The address of a photo: the URL that the item has, or its path after `base`; "" where there is none."""
    if not isinstance(image, str) or not image:
        return ""
    if image.startswith(("http://", "https://")):
        return image
    return f"{base.rstrip('/')}/{image.removeprefix('file://').lstrip('/')}" if base else ""


def _price(result: Result) -> dict[str, Any]:
    """Price and currency of an item; of one that stands for a whole product, the lowest of its variants."""
    price, currency = result.item.get("price"), str(result.item.get("currency") or "")
    if isinstance(price, int | float):
        return {"price": float(price), "currency": currency}
    if result.variants is not None and result.variants.prices:
        lowest = result.variants.prices[0]
        return {"price": lowest.low, "currency": lowest.currency}
    return {"price": None, "currency": currency}
