"""What a rating is worth: a number as it is, or a word by its scale (`grades.toml`).

Laws (tests/ranking/evaluation/retrieval/test_grades.py):
- numbers are themselves, with a decimal point or comma;
- words are of one scale, whatever their case; a better word never has a lower grade;
- a word that no scale knows is an error that shows it and says how to give its grade.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vlclip.ranking.errors import BadTable
from vlclip.ranking.tables.cells import is_absent, number

FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Scale:
    """A name and the grade of each word."""

    name: str
    grades: Mapping[str, float]

    def grade(self, rating: Any) -> float | None:
        """The grade of a rating, None where it is neither a word of the scale nor a number."""
        word = _word(rating)
        return self.grades[word] if word in self.grades else number(rating)

    def describe(self, ratings: Collection[Any]) -> str:
        """The scale's name and the grades of the words that these ratings use; "" where all are numbers."""
        words = dict.fromkeys(str(rating).strip() for rating in ratings if _word(rating) in self.grades)
        listed = ", ".join(f"{word} = {self.grades[_word(word)]:g}" for word in words)
        return f"{self.name}: {listed}" if listed else ""


def parse_grades(options: Iterable[str]) -> dict[str, float]:
    """The command line's `word=number` options."""
    grades = {}
    for option in options:
        word, sign, text = option.rpartition("=")
        grade = number(text)
        if not sign or not word.strip() or grade is None:
            raise BadTable(f"cannot read the grade {option!r}; write word=number, as in good=2")
        grades[_word(word)] = grade
    return grades


def choose_scale(ratings: Collection[Any], grades: Mapping[str, float], name: str) -> Scale:
    """The scale of these ratings: the first that has all words among them, with the given grades before it.

    `BadTable` where a word is left, or where words and numbers are mixed.
    """
    words = {_word(rating): rating for rating in ratings if number(rating) is None and not is_absent(rating)}
    words = {word: rating for word, rating in words.items() if word not in grades}
    if not words:
        return Scale("as given", grades)
    scale = next((scale for scale in scales() if words.keys() <= scale.grades.keys()), None)
    is_mixed = any(number(rating) is not None for rating in ratings)
    if scale is not None and not is_mixed:
        return Scale(scale.name, {**scale.grades, **grades})
    word = str(next(iter(words.values())))[:40]
    raise BadTable(
        f"{name} is {word!r}, which is not a number{'' if scale is None else ' as others are'}; say what "
        f"it is worth with --grade {shell_word(word)}=NUMBER"
    )


def shell_word(word: str) -> str:
    """A word as it is typed on a command line."""
    return word if re.fullmatch(r"[\w.-]+", word) else f"'{word}'"


@cache
def scales() -> tuple[Scale, ...]:
    """The scales of the file, likeliest first."""
    form = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Scale(scale["name"], scale["grades"]) for scale in form["scales"])


def _word(rating: Any) -> str:
    return re.sub(r"[\s_-]+", " ", str(rating).strip().lower())
