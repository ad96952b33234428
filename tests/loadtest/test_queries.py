"""Where searched words come from."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.loadtest.errors import BadPlan
from vlclip.loadtest.queries import ROWS, SHIPPED, furniture, neighbours, read_queries, typo


def test_the_furniture_that_ships_is_what_the_generator_gives():
    shipped = (SHIPPED / "furniture.txt").read_text().splitlines()
    assert shipped == furniture()
    assert len(set(shipped)) == 480


def test_other_scripts_are_other_scripts():
    shipped = (SHIPPED / "scripts.txt").read_text()
    for word in ("红色", "أسود", "красное", "👗"):
        assert word in shipped


def test_neighbours_are_those_of_the_keyboard():
    assert set(neighbours("g")) == set("fhtyvb")
    assert set(neighbours("q")) == {"w", "a"}
    assert neighbours("ж") == ""


@given(st.sampled_from("".join(ROWS)))
def test_whoever_is_a_neighbour_has_that_neighbour(letter):
    assert all(letter in neighbours(other) for other in neighbours(letter))


def is_one_slip(right: str, wrong: str) -> bool:
    if len(right) == len(wrong):
        differ = [at for at, (a, b) in enumerate(zip(right, wrong, strict=True)) if a != b]
        swapped = len(differ) == 2 and [wrong[at] for at in differ] == [right[at] for at in reversed(differ)]
        return len(differ) == 1 or (swapped and differ[1] == differ[0] + 1)
    shorter, longer = sorted((right, wrong), key=len)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


@given(query=st.text("abeghloprstuwy ", min_size=1).filter(str.strip), seed=st.integers(0, 1000))
def test_a_typo_is_one_slip_away_and_the_same_for_the_same_seed(query, seed):
    wrong = typo(query, Random(seed))
    assert wrong == typo(query, Random(seed))
    assert wrong != query
    assert wrong.strip()
    assert is_one_slip(query, wrong)


def test_what_is_not_on_the_keyboard_stays():
    assert typo("红色 42", Random(0)) == "红色 42"


def test_sources_are_titles_shipped_lists_files_beside_the_plan_and_typos_of_them(read, tmp_path):
    (tmp_path / "own.txt").write_text("green lamp\n\n  blue chair \n")
    plan = read(more='[queries]\ntitles = 1\nfurniture = 1\n"own.txt" = 1\ntypos = 1\nscripts = 0')
    sources = read_queries(plan, ["Red Dress"])
    assert sources["titles"] == ["Red Dress"]
    assert sources["own.txt"] == ["green lamp", "blue chair"]
    assert len(sources["typos"]) == 1 + 480 + 2
    assert "scripts" not in sources
    assert sources == read_queries(plan, ["Red Dress"])


def test_a_source_that_is_not_there_or_empty_is_named(read):
    with pytest.raises(BadPlan, match=r"queries\.furnitur: no such source; there are titles, typos"):
        read_queries(read(more="[queries]\nfurnitur = 1"), [])
    with pytest.raises(BadPlan, match=r"queries\.titles: nothing to search for"):
        read_queries(read(), [])


def test_a_source_that_is_no_text_is_named(read, tmp_path):
    (tmp_path / "photo.txt").write_bytes(b"\xff\xd8")
    with pytest.raises(BadPlan, match=r"queries\.photo\.txt: .* is no text in UTF-8"):
        read_queries(read(more='[queries]\n"photo.txt" = 1'), [])
