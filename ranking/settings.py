"""The settings of ranking: how lists are made, and where events and exposures are stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlclip.engine.segments import BEHAVIOUR, IMAGE, TEXT
from vlclip.engine.settings import EngineSettings, Section
from vlclip.engine.weights import Weight

GroupBy = Literal["group", "none"]
"""Whether a list has one result for each group of variants, or one for each item."""

DAY_S = 86_400
"""Seconds of a day: settings count days, times are in seconds."""


class Search(Section):
    """How a list is made where the request does not say so itself."""

    image_weight: Weight = Field(IMAGE.weight, description="weight of the image segment")
    text_weight: Weight = Field(TEXT.weight, description="weight of the text segment")
    behaviour_weight: Weight = Field(
        BEHAVIOUR.weight, description="weight of the behaviour segment, if there is one"
    )
    history_weight: Weight = Field(0.3, description="weight of the shopper's profile in similar and search")
    lexical_weight: Weight = Field(
        12.0, description="weight of matching words in a search by words; 0 turns BM25 off"
    )
    lexical_weight_with_photo: Weight = Field(
        1.0, description="weight of matching words in a search by words and photo"
    )
    vectors: int = Field(20_000, ge=0, description="vectors of items that are kept in memory for profiles")
    query_cache: int = Field(
        10_000, ge=0, description="texts whose vectors a service keeps in memory; 0: none"
    )
    query_wait_ms: float = Field(
        0.0,
        ge=0,
        le=2,
        description="extra time that a waiting batch of texts waits for more texts; 0: none",
    )
    query_threads: int = Field(
        1, ge=1, le=256, description="threads of ONNX Runtime or torch, in a service, for one batch"
    )
    pool: int = Field(50, ge=10, le=5000, description="candidates from each of the two searches")
    limit: int = Field(10, ge=1, le=1000, description="results of a request that does not set limit")
    max_limit: int = Field(200, ge=1, le=10_000, description="most results a request may ask for")
    collapse: bool = Field(
        default=False, description="show only one of several results with near-duplicate photos"
    )
    collapse_distance: int = Field(
        8, ge=0, le=17, description="photos whose hashes are at most this far apart are near-duplicates"
    )
    group_by: GroupBy = Field(
        "group",
        description="one result for each group of variants, where there are groups; none: for each item",
    )

    def part_weight(self, name: str) -> float:
        """The weight of a part of the score: that of its setting, 1 for a part without a setting."""
        weight: float = getattr(self, f"{name}_weight", 1.0)
        return weight


class History(Section):
    """Where events are stored, and for how long."""

    url: str = Field(
        "",
        description="a file, or redis://host:6379/0; unset: history.sqlite in the store's folder records/, "
        "for a server in .vlclip/COLLECTION/",
    )
    prefix: str = Field("vlclip:", min_length=1, description="start of every key on a Redis or Valkey server")
    retention_days: float = Field(
        365.0, ge=0, allow_inf_nan=False, description="age in days at which an event is removed; 0: never"
    )


class Exposures(Section):
    """The log of what was shown to whom."""

    log: bool = Field(default=True, description="keep every list that is served")
    path: str = Field(
        "",
        description="file of the log; unset: exposures.sqlite in the store's folder records/, "
        "for a server in .vlclip/COLLECTION/",
    )
    queue: int = Field(
        10_000, ge=1, description="most lists that wait to be written; lists beyond them are not logged"
    )


class RankingSettings(EngineSettings):
    """All settings that ranking reads; a search needs the encoders of its store."""

    search: Search = Search()
    history: History = History()
    exposures: Exposures = Exposures()
    experiment: str = Field("", description="TOML file of the running experiment; empty: none")
