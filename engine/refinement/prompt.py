"""Prompts are Markdown files with an id, a version and a hash; what they say is data, not code."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vlclip.engine.errors import RefinementError
from vlclip.engine.refinement.words import folded

FOLDER = Path(__file__).parent / "prompts"
ROLES = ("summarizer", "evaluator", "refiner")
ECHO_WORDS = 6
"""This many words in a row that also stand in a prompt are no accident."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One role's instructions; `digest` is the SHA-256 of the whole file, front matter and all."""

    id: str
    version: str
    text: str
    digest: str


def load_prompt(path: Path) -> Prompt:
    """The prompt in a file that begins with `id` and `version` between two lines of `---`."""
    raw = path.read_text(encoding="utf-8")
    match = re.fullmatch(r"---\nid: *(\S+)\nversion: *(\S+)\n---\n(.+)", raw, re.DOTALL)
    if match is None:
        raise RefinementError(f"{path} must begin with the lines ---, id: ..., version: ... and ---")
    return Prompt(match[1], match[2], match[3].strip(), hashlib.sha256(raw.encode()).hexdigest())


@lru_cache(maxsize=1)
def prompts() -> dict[str, Prompt]:
    """The shipped prompts by role."""
    return {role: load_prompt(FOLDER / f"{role}.md") for role in ROLES}


@lru_cache(maxsize=1)
def _runs() -> frozenset[tuple[str, ...]]:
    return frozenset(run for prompt in prompts().values() for run in _in_a_row(prompt.text))


def echoes_a_prompt(text: str) -> bool:
    """Whether a text repeats six words in a row of any prompt."""
    return not _runs().isdisjoint(_in_a_row(text))


def _in_a_row(text: str) -> list[tuple[str, ...]]:
    words = folded(text)
    return [tuple(words[start : start + ECHO_WORDS]) for start in range(len(words) - ECHO_WORDS + 1)]
