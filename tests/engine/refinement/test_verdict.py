"""Stop, revise, or no verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.refinement.verdict import parse_verdict


@pytest.mark.parametrize(
    ("answer", "critique"),
    [
        ("<STOP>", ""),
        (" <STOP>\n", ""),
        ('{"verdict": "stop", "critique": ""}', ""),
        ('```json\n{"verdict": "stop"}\n```', ""),
        ('{"verdict": "revise", "critique": "Name the\\n colour."}', "Name the colour."),
        ("The line is good. <STOP>", None),
        ("STOP", None),
        ("Name the colour.", None),
        ('{"verdict": "revise", "critique": " "}', None),
        ('{"verdict": "revise", "critique": 7}', None),
        ('{"verdict": "maybe"}', None),
        ('{"verdict": ["stop"]}', None),
        ('["stop"]', None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_a_verdict_is_read_strictly(answer, critique):
    assert parse_verdict(answer) == critique


@given(st.text())
def test_no_answer_breaks_it(answer):
    parse_verdict(answer)


def test_a_long_critique_is_cut():
    assert len(parse_verdict('{"verdict": "revise", "critique": "' + "x" * 5000 + '"}')) == 600
