"""What a shopper asks next, from the lists they got. This module knows no HTTP client and no clock.

Laws (tests/loadtest/test_session.py):
- the same seed and the same answers give the same requests;
- clicks and views name the request whose list the item was taken from, or none where there is no such list;
- an endpoint gets at least its `least_share` of the requests;
- requests for the probe have no user, so that no history is in their answers, and set the number of
  results.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from vlclip.loadtest.plan import Plan

JSON = {"content-type": "application/json"}
BOUNDARY = "vlclip-loadtest"
PROBED_RESULTS = 10
"""Results of a request for the probe: as many as the probe compares."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What a run knows of the shop it asks: item ids, queries by source, photos as JPEG bytes."""

    ids: Sequence[str]
    queries: Mapping[str, Sequence[str]]
    photos: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. The probe repeats it if `is_probed`; `event` is the user and the id of an event."""

    endpoint: str
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_probed: bool = False
    event: tuple[str, str] | None = None

    @property
    def is_list(self) -> bool:
        """Whether the answer is a list of items."""
        return self.endpoint != "events"


class Session:
    """A shopper; when they leave, the next shopper takes their place."""

    def __init__(self, plan: Plan, shop: Shop, name: str, number: int) -> None:
        self._plan, self._shop, self._name = plan, shop, f"{name}-{number}"
        self._random = Random(f"{plan.seed} {number}")  # noqa: S311 - no secrets here
        self._popular = list(accumulate((rank + 1) ** -plan.zipf for rank in range(len(shop.ids))))
        self._mix = {name: weight for name, weight in dict(plan.mix).items() if weight}
        self._sources = {name: weight for name, weight in plan.queries.items() if name in shop.queries}
        self._next: deque[Ask] = deque()
        self._shoppers = self._events = 0
        self._shown: list[str] = []
        self._request_id = ""

    @property
    def user(self) -> str:
        """The user of the requests."""
        return f"{self._name}-{self._shoppers}"

    def ask(self) -> Ask:
        """The next request."""
        if self._next:
            return self._next.popleft()
        endpoint = self._random.choices(list(self._mix), list(self._mix.values()))[0]
        if endpoint == "events":
            items = self._shown or [self._item()]
            return self._event("view", self._random.choice(items))
        if endpoint == "foryou":
            return Ask("foryou", "GET", f"/v1/users/{quote(self.user, safe='')}/recommendations")
        if endpoint == "similar":
            return self._similar(self._item())
        if endpoint == "photo":
            body, headers = photo_form(self._random.choice(self._shop.photos))
            return Ask("photo", "POST", "/v1/search", body, headers)
        source = self._random.choices(list(self._sources), list(self._sources.values()))[0]
        question, is_probed = self._with_user({"text": self._random.choice(self._shop.queries[source])})
        return Ask("search", "POST", "/v1/search", json.dumps(question).encode(), JSON, is_probed)

    def heard(self, ask: Ask, ids: Sequence[str], request_id: str) -> None:
        """Read the list of the answer, and decide what follows from it."""
        if not ask.is_list:
            return
        session = self._plan.session
        self._shown, self._request_id = list(ids), request_id if ids else ""
        if ids and self._random.random() < session.follow:
            item = self._pick(ids)
            self._next += [self._event("click", item), self._event("view", item), self._similar(item)]
        elif ids and self._random.random() < session.click:
            self._next.append(self._event("click", self._pick(ids)))
        elif self._random.random() < session.leave:
            self._shoppers, self._shown, self._request_id = self._shoppers + 1, [], ""

    def wait_s(self) -> float:
        """A think time in seconds, log-normal."""
        pace = self._plan.pace
        return pace.think_s * self._random.lognormvariate(0, pace.think_sigma)

    def gap_s(self) -> float:
        """Seconds from one request to the next if the pace is open, exponential."""
        return self._random.expovariate(self._plan.pace.per_user)

    def _item(self) -> str:
        return self._random.choices(self._shop.ids, cum_weights=self._popular)[0]

    def _pick(self, ids: Sequence[str]) -> str:
        """An item of a list; the one at place n is picked with weight 1/n."""
        return self._random.choices(ids, [1 / place for place in range(1, len(ids) + 1)])[0]

    def _with_user(self, parameters: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        is_probed = self._random.random() < self._plan.probe.share
        return (
            (parameters | {"limit": PROBED_RESULTS}, True)
            if is_probed
            else (parameters | {"user": self.user}, False)
        )

    def _similar(self, item: str) -> Ask:
        parameters, is_probed = self._with_user({})
        query = f"?{urlencode(parameters)}" if parameters else ""
        return Ask("similar", "GET", f"/v1/items/{quote(item, safe='')}/similar{query}", is_probed=is_probed)

    def _event(self, kind: str, item: str) -> Ask:
        self._events += 1
        event = {
            "id": f"{self._name}.{self._events}", "kind": kind, "item": item, "user": self.user,
            "request_id": self._request_id,
        }  # fmt: skip
        body = json.dumps({"events": [event]}).encode()
        return Ask("events", "POST", "/v1/events", body, JSON, event=(self.user, event["id"]))


def least_share(plan: Plan, endpoint: str) -> float:
    """The share of all requests that an endpoint of the mix gets at least, whatever follows from lists.

    It is the share of the weight, divided by 1 + n. If every answer is a list, n requests follow from one:
    n = follow (3 + n) + (1 - follow) click.
    """
    weights, session = dict(plan.mix), plan.session
    first = 1 - session.follow
    return float(
        weights[endpoint] / sum(weights.values()) * first / (first * (1 + session.click) + 3 * session.follow)
    )


def photo_form(photo: bytes) -> tuple[bytes, dict[str, str]]:
    """A search by photo as multipart/form-data: body and headers."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
