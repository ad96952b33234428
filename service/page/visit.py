"""One visit of a page: the user, the address, and which part of the page is needed.

The user is a name of their choice, kept in a cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlencode

from starlette.authentication import BaseUser
from starlette.datastructures import QueryParams
from starlette.requests import Request

from vlclip.service.http.html import is_fragment

USER_COOKIE = "vlclip_user"
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Visit:
    """What a view needs to know of its request.

    `user` is "" for nobody; `caller` is who sent the API key. `is_fragment` says that htmx sent the
    request and needs the results only.
    """

    path: str
    params: QueryParams
    user: str
    is_fragment: bool
    caller: BaseUser

    def address(self, offset: int = 0) -> str:
        """The address of the same view, its list beginning at `offset`."""
        fields = [(name, value) for name, value in self.params.multi_items() if name != "offset"]
        return f"{self.path}?{urlencode([*fields, ('offset', offset)] if offset else fields)}"


def read_visit(request: Request) -> Visit:
    """The visit of a request."""
    user = unquote(request.cookies.get(USER_COOKIE, ""))[:MAX_NAME]
    return Visit(request.url.path, request.query_params, user, is_fragment(request.headers), request.user)
