"""No name is a pronoun or a participle alone: values are nouns of the trade, functions are verbs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.structure import ROOMS, bindings, files, is_vague

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("room", [*ROOMS, "vlclip", "benchmarks", "tests"])
def test_names_say_what_they_hold(room):
    vague = [
        f"{path}:{line} {name}"
        for path in files(ROOT, (room,))
        for line, name in bindings(ast.parse((ROOT / path).read_text("utf-8")))
        if is_vague(name)
    ]
    assert not vague, f"{len(vague)} names say nothing of what they hold: {vague[:10]}"


def test_a_vague_name_is_recognised_wherever_it_is_bound():
    code = (
        "def told(asked, *, _kept): ...\nfor one in []: ...\nfound = 1\n"
        "class Wanted: ...\nfounding = clicked = 2\n"
    )
    assert [name for _, name in bindings(ast.parse(code)) if is_vague(name)] == [
        "told", "Wanted", "one", "found", "asked", "_kept",
    ]  # fmt: skip
