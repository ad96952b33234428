"""A list is handed to the middleware that logs it, or is an error."""

from __future__ import annotations

import pytest

from vlclip.service.shop.served_list import ServedList, expect_list, hand_over, list_of

LISTING = ServedList("l1", "similar", "default", "content")


def test_a_list_that_no_middleware_takes_is_an_error():
    for scope in ({"type": "http"}, {"type": "http", "state": {"request_id": "r1"}}):
        with pytest.raises(RuntimeError, match=r"add .*Watch"):
            hand_over(scope, LISTING)


def test_a_request_gives_the_list_that_was_handed_over_and_none_without_one():
    scope = {"type": "http"}
    expect_list(scope)
    assert list_of(scope) is None
    hand_over(scope, LISTING)
    assert list_of(scope) is LISTING
