"""Who may ask what: API keys with scopes.

Laws (tests/service/access/test_auth.py):
- without any key the API is open; with one, only health and the API's description are;
- a path that no rule names needs a key, so a new route is closed until it is opened here;
- what a shopper did, and a list that is made from it, needs the scope `users` (or `write`), by whatever path
  and in whatever field; a session's list needs `read` only, because only its browser knows its id;
- a page takes its key from a cookie and the API never does, so no page can make a browser change an item.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.authentication import BaseUser, SimpleUser, UnauthenticatedUser
from starlette.requests import cookie_parser
from starlette.responses import Response

from vlclip.ranking.history.events import unit_of
from vlclip.service.access.keys import Key, KeyRing, Scope
from vlclip.service.access.visit import Visit
from vlclip.service.http.errors import Forbidden
from vlclip.service.http.html import ASSETS, KEY_COOKIE, KEY_PATH, is_page, send_to_key_form
from vlclip.service.http.problems import problem

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json", "/docs"})
"""Paths that never need a key and are never limited."""
_EITHER = frozenset({Scope.READ, Scope.WRITE})
_READ = frozenset({Scope.READ})
_WRITE = frozenset({Scope.WRITE})
_USERS = frozenset({Scope.USERS, Scope.WRITE})
"""What somebody did is theirs: a web page's key is public, and anybody may ask with it about anybody."""
METRICS = "/metrics"
_METRICS = frozenset({Scope.METRICS, Scope.WRITE})
"""A web page's key is public and reads lists only: what a shop sells, and by which arm, needs another."""


def scopes_for(method: str, path: str) -> frozenset[Scope]:
    """The scopes of which a caller needs at least one; empty where no key is needed."""
    path = path.removesuffix("\n")  # a route's pattern matches before one as well
    if path in OPEN or path in ASSETS or path == KEY_PATH:
        return frozenset()
    if path in (METRICS, "/page/experiments"):
        return _METRICS
    is_safe = method in ("GET", "HEAD", "OPTIONS")
    if path == "/page/you" or (is_safe and path.startswith("/v1/users/") and path.endswith("/events")):
        return _USERS
    if is_page(path):
        return _READ
    if path == "/v1/events":
        return _EITHER
    return _READ if is_safe or path == "/v1/search" else _WRITE


USER = unit_of("a").removesuffix("a")
"""How the units of users begin."""


class Caller(SimpleUser):
    """Who asks, known by a key."""

    def __init__(self, key: Key) -> None:
        super().__init__(key.id)
        self.key = key


NOBODY = UnauthenticatedUser()


class ApiKeys:
    """Finds the caller by their key. Without any key in `keys`, and on `free` paths, nobody needs one."""

    def __init__(self, keys: KeyRing, free: Collection[str] = ()) -> None:
        self._keys, self._free = keys, free

    def check(self, visit: Visit) -> Response | None:
        """Name the caller as the user of the request; the refusal of a caller who may not ask."""
        scope = visit.scope
        scope["user"], path = NOBODY, scope["path"]
        scopes = scopes_for(scope["method"], path)
        if not scopes or path in self._free or self._keys.is_open:
            return None
        secret = key_sent(visit)
        if not secret and is_page(path):
            secret = cookie_parser(visit.header(b"cookie")).get(KEY_COOKIE, "")
        if not secret:
            detail = "send an API key: Authorization: Bearer KEY, or X-API-Key: KEY"
            return _refusal(visit, 401, "no-key", detail, 'Bearer realm="vlclip"')
        key = self._keys.find(secret)
        if key is None:
            challenge = 'Bearer realm="vlclip", error="invalid_token"'
            return _refusal(
                visit, 401, "bad-key", "this API key is not known here, or was revoked", challenge
            )
        if scopes.isdisjoint(key.scopes):
            least = min(scopes)
            challenge = f'Bearer realm="vlclip", error="insufficient_scope", scope="{least}"'
            detail = f"this needs an API key with the scope '{least}'"
            return _refusal(visit, 403, "forbidden", detail, challenge)
        scope["user"] = Caller(key)
        return None


def _refusal(visit: Visit, status: int, code: str, detail: str, challenge: str) -> Response:
    """The answer to a caller who is refused; `challenge` says to machines what is missing (RFC 6750)."""
    if is_page(visit.scope["path"]):
        return send_to_key_form(visit.scope, code)
    return problem(visit.scope, status, code, detail, {"WWW-Authenticate": challenge})


def check_exact(caller: BaseUser) -> None:
    """`Forbidden` for a key that web pages carry, because comparing every item slows everybody else down."""
    if isinstance(caller, Caller) and _METRICS.isdisjoint(caller.key.scopes):
        raise Forbidden("exact=true compares every item; it needs an API key with the scope 'metrics' too")


def may_know(caller: BaseUser) -> bool:
    """Whether a caller may learn what one shopper did; everybody may where there are no keys."""
    return not isinstance(caller, Caller) or not _USERS.isdisjoint(caller.key.scopes)


def check_knows(caller: BaseUser, unit: str, *, explain: bool = False) -> None:
    """`Forbidden` where an answer about `unit` would tell a caller what is not theirs to know.

    A list for a user is about the user: what is missing from it, and its scores, say what they did. To
    `explain` a list names the items of a history, a session's too.
    """
    if (unit.startswith(USER) or (unit and explain)) and not may_know(caller):
        raise Forbidden(
            "this is made from what a shopper did; it needs an API key with the scope 'users' too "
            "(a list without a user, or for a session without explain, does not)"
        )


def key_sent(visit: Visit) -> str:
    """The key in a request's headers, "" if none."""
    scheme, _, token = visit.header(b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else visit.header(b"x-api-key")
