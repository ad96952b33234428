"""What the command passes to the load generators in a folder: the plan and what it learned of the shop.

`learn` asks the service itself: searches for common words give ids and titles.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import orjson
from PIL import Image, ImageDraw

from vlclip.loadtest.errors import BadPlan, NotReached
from vlclip.loadtest.ids import read_ids
from vlclip.loadtest.plan import Plan
from vlclip.loadtest.queries import furniture, read_queries
from vlclip.loadtest.session import Shop

PAGE = 100
PHOTOS = 24
WORDS = ("shoes", "dress", "bag", "watch", "shirt", "chair", "table", "lamp", "black", "white", "red", "blue")


@dataclass(frozen=True, slots=True)
class Work:
    """One run; `name` is unique, so that no other run has the same shoppers and events."""

    plan: Plan
    shop: Shop
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"load-{uuid.uuid4().hex[:8]}")


def write_work(folder: Path, work: Work) -> None:
    """Write it where `read_work` finds it."""
    form = {
        "plan": work.plan.model_dump(mode="json"), "ids": work.shop.ids, "queries": work.shop.queries,
        "headers": work.headers, "name": work.name,
    }  # fmt: skip
    (folder / "work.json").write_bytes(orjson.dumps(form))
    for number, photo in enumerate(work.shop.photos):
        (folder / f"photo-{number:04}.jpg").write_bytes(photo)


def read_work(folder: Path) -> Work:
    """Read what `write_work` wrote."""
    form = orjson.loads((folder / "work.json").read_bytes())
    photos = [path.read_bytes() for path in sorted(folder.glob("photo-*.jpg"))]
    plan = Plan.model_validate(form["plan"])
    return Work(plan, Shop(form["ids"], form["queries"], photos), form["headers"], form["name"])


def learn(plan: Plan, http: httpx2.Client) -> Shop:
    """Ids, queries and photos for the plan. The popular items are drawn by the plan's seed.

    `NotReached` if the service does not answer what the run will ask, the probe's exact search included.
    """
    random = Random(plan.seed)  # noqa: S311 - no secrets here
    titles = _titles(plan, http)
    ids = read_ids(plan.near(plan.ids)) if plan.ids else sorted(titles)
    if not ids:
        raise NotReached("the service knows no items; ingest a catalogue first")
    if plan.probe.share:
        _search(http, {"text": WORDS[0], "limit": 1, "exact": True})
    random.shuffle(ids)
    photos = _photos(plan, random) if plan.mix.photo else []
    queries = read_queries(plan, [title for title in titles.values() if title])
    return Shop(ids[: plan.items], queries, photos)


def _titles(plan: Plan, http: httpx2.Client) -> dict[str, str]:
    """Titles by id from the pages of a few searches, until there are enough."""
    titles: dict[str, str] = {}
    for offset in range(0, 10_000, PAGE):
        before = len(titles)
        for word in (*WORDS, *furniture(8)):
            results = _search(http, {"text": word, "limit": PAGE, "offset": offset})
            titles |= {result["id"]: str(result["item"].get("title", "")) for result in results}
            if len(titles) >= plan.items:
                return titles
        if len(titles) == before:
            break
    return titles


def _search(http: httpx2.Client, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = "an exact search" if "exact" in body else "a search"
    try:
        return list(http.post("/v1/search", json=body).raise_for_status().json()["results"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NotReached(f"{http.base_url} does not answer {kind}: {why(error)}") from error


def why(error: Exception) -> str:
    """What is wrong with an answer, or why there is none, and what to do about it if that is known."""
    if isinstance(error, httpx2.UnsupportedProtocol):
        return "write http:// before the address"
    if isinstance(error, (KeyError, TypeError, ValueError)):
        return "what came is no list of results; is it the address of a vlclip service?"
    if not isinstance(error, httpx2.HTTPStatusError):
        return str(error) or type(error).__name__
    status = error.response.status_code
    if status in (401, 403):
        return (
            f"status {status}; set VLCLIP_API_KEY to a key of the service with the scopes read and users, "
            "for the probe metrics, for --term-under-load write (vlclip keys add --scope read --scope users)"
        )
    return f"status {status}: {' '.join(error.response.text.split())[:200]}"


def _photos(plan: Plan, random: Random) -> list[bytes]:
    """The JPEG files of the plan's folder, or else drawings in one colour."""
    if plan.photos:
        paths = sorted(plan.near(plan.photos).glob("*.jp*g"))
        if not paths:
            raise BadPlan(f"photos: no .jpg files in {plan.near(plan.photos)}")
        return [path.read_bytes() for path in paths[:1000]]
    return [_drawing(random) for _ in range(PHOTOS)]


def _drawing(random: Random) -> bytes:
    image = Image.new("RGB", (240, 320), "white")
    draw = ImageDraw.Draw(image)
    shape = random.choice([draw.ellipse, draw.rectangle])
    colour = (random.randrange(256), random.randrange(256), random.randrange(256))
    left, top = random.randrange(20, 90), random.randrange(20, 120)
    shape((left, top, left + random.randrange(60, 130), top + random.randrange(60, 180)), fill=colour)
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
