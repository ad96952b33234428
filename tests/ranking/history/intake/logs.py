"""The same events, as the systems that have presets write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

Deed = tuple[str, str, str, int]
"""Kind, user, item and moment."""
NAMES = {
    "ga4": {"view": "view_item", "click": "select_item", "cart": "add_to_cart", "purchase": "purchase"},
    "segment": {
        "view": "Product Viewed", "click": "Product Clicked", "cart": "Product Added",
        "purchase": "Order Completed",
    },
    "retailrocket": {"view": "view", "cart": "addtocart", "purchase": "transaction"},
    "rees46": {"view": "view", "cart": "cart", "purchase": "purchase"},
    "hm": {"purchase": "purchase"},
    "plain": {"view": "view", "click": "clicked", "cart": "add_to_cart", "purchase": "buy"},
}  # fmt: skip
"""What each format calls our kinds."""


def utc(moment: int, template: str) -> str:
    return template.format(datetime.fromtimestamp(moment, UTC))


def ga4(deed: Deed) -> dict[str, Any]:
    kind, user, item, moment = deed
    return {
        "event_date": utc(moment, "{:%Y%m%d}"), "event_timestamp": str(moment * 10**6),
        "event_name": NAMES["ga4"][kind], "user_pseudo_id": user, "user_id": None,
        "items": [{"item_id": item, "item_name": "a chair", "price": 2.5, "quantity": 2}],
    }  # fmt: skip


def segment(deed: Deed) -> dict[str, Any]:
    kind, user, item, moment = deed
    product = {"product_id": item, "price": 2.5, "quantity": 2}
    return {
        "type": "track", "event": NAMES["segment"][kind], "userId": user, "anonymousId": f"a{user}",
        "timestamp": utc(moment, "{:%Y-%m-%dT%H:%M:%S}.000Z"), "messageId": f"{kind}-{user}-{item}-{moment}",
        "properties": {"products": [product]} if kind == "purchase" else product,
    }  # fmt: skip


def retailrocket(deed: Deed) -> dict[str, Any]:
    kind, user, item, moment = deed
    return {
        "timestamp": moment * 1000, "visitorid": user, "event": NAMES["retailrocket"][kind], "itemid": item,
        "transactionid": "",
    }  # fmt: skip


def rees46(deed: Deed) -> dict[str, Any]:
    kind, user, item, moment = deed
    return {
        "event_time": utc(moment, "{:%Y-%m-%d %H:%M:%S} UTC"), "event_type": kind, "product_id": item,
        "category_code": "", "brand": "a", "price": "5.00", "user_id": user, "user_session": f"s{user}",
    }  # fmt: skip


def hm(deed: Deed) -> dict[str, Any]:
    _, user, item, moment = deed
    return {
        "t_dat": utc(moment, "{:%Y-%m-%d}"), "customer_id": user, "article_id": item, "price": 5.0,
        "sales_channel_id": 2,
    }  # fmt: skip


def plain(deed: Deed) -> dict[str, Any]:
    kind, user, item, moment = deed
    return {"action": NAMES["plain"][kind], "user": user, "item": item, "ts": moment}


ROWS: Mapping[str, Callable[[Deed], dict[str, Any]]] = {
    "ga4": ga4, "segment": segment, "retailrocket": retailrocket, "rees46": rees46, "hm": hm, "plain": plain,
}  # fmt: skip
ENDINGS = {
    "ga4": (".jsonl", ".parquet", ".json"), "segment": (".jsonl", ".json"),
    "retailrocket": (".csv", ".parquet"), "rees46": (".csv", ".jsonl", ".parquet"),
    "hm": (".csv", ".parquet"), "plain": (".csv", ".tsv", ".jsonl", ".json", ".parquet"),
}  # fmt: skip
"""The files that a format comes in."""


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """The rows in a file, whose ending says the format."""
    rows = list(rows)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".parquet":
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    else:
        with path.open("w", newline="") as file:
            delimiter = "\t" if path.suffix == ".tsv" else ","
            table = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            table.writeheader()
            table.writerows(rows)
    return path
