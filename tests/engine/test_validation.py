"""One sentence for what pydantic found wrong."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vlclip.engine.validation import explain


class Caps(BaseModel):
    model_config = ConfigDict(extra="forbid")

    brand: int = 1


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    share: float
    limit: int | bool | None = None
    caps: Caps = Caps()

    @model_validator(mode="after")
    def check(self) -> Form:
        if self.share == 0:
            raise ValueError("the share is 0; give some")
        return self


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "share: Field required"),
        ({"share": 0}, "the form: the share is 0; give some"),
        ({"shares": 1, "share": 1}, "shares: no such field; did you mean share?"),
        ({"share": 1, "xyz": 1}, "xyz: no such field"),
        ({"share": 1, "caps": {"brnd": 2}}, "caps.brnd: no such field; did you mean brand?"),
        ({"share": 1, "limit": "x", "caps": 1}, "limit.int: .*; caps: .*"),
        ({"a1": 1, "b2": 1, "c3": 1, "d4": 1, "share": 1}, "a1: .*; b2: .*; c3: .*; and 1 more"),
    ],
)
def test_it_names_the_field_and_what_is_wrong_with_it(form, sentence):
    with pytest.raises(ValidationError) as caught:
        Form.model_validate(form)
    assert re.fullmatch(sentence.replace("?", r"\?"), explain(caught.value.errors(), Form, whole="the form"))


def test_the_first_parts_of_a_place_can_be_left_out():
    errors = [{"type": "missing", "loc": ("body", "text"), "msg": "Field required"}]
    assert explain(errors, skip=1) == "text: Field required"
    assert explain([errors[0] | {"loc": ("body",)}], skip=1, whole="body") == "body: Field required"
