"""What depends on the language of a catalogue's texts, read from one folder of data per language.

`engine/languages/NAME` holds two files for the rules of refinement: `vocabulary.toml`, words with a
meaning that the rules know, and `slogans.toml`, advertising that they remove. NAME is also the name
under which BM25 knows stop words and stems (`engine/store/lexical.py` lists those names). To add a
language, add its folder and name it with the setting `language`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vlclip.engine.errors import SettingsError

FOLDER = Path(__file__).parent / "languages"
DEFAULT = "english"
VOCABULARY, SLOGANS = "vocabulary.toml", "slogans.toml"


@dataclass(frozen=True, slots=True)
class Language:
    """The data of one language, as its files hold them; `version` changes with any byte of the files."""

    name: str
    vocabulary: Mapping[str, Any]
    slogans: Mapping[str, tuple[str, ...]]
    version: str


def languages() -> list[str]:
    """The names of the languages there are data for, in alphabetical order."""
    return sorted(folder.name for folder in FOLDER.iterdir() if (folder / VOCABULARY).is_file())


@lru_cache(maxsize=16)
def load_language(name: str) -> Language:
    """The language of this name. `SettingsError` lists the languages there are if it is unknown."""
    if name not in languages():
        raise SettingsError(
            f"there is no language {name!r}; set `language` to one of these: {', '.join(languages())}; "
            f"or add its words: {VOCABULARY} and {SLOGANS} in {FOLDER / name}"
        )
    files = [FOLDER / name / VOCABULARY, FOLDER / name / SLOGANS]
    try:
        contents = [file.read_bytes() for file in files]
        vocabulary, slogans = (tomllib.loads(content.decode()) for content in contents)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the data of the language {name!r} cannot be read: {error}") from error
    return Language(
        name=name,
        vocabulary=vocabulary,
        slogans={section: tuple(patterns) for section, patterns in slogans.items()},
        version=hashlib.sha256(b"".join(contents)).hexdigest()[:8],
    )
