"""The errors of ranking. Every message says what to do next.

VlclipError
└── RankingError
    ├── UnknownItem     the anchor is not in the store
    ├── EmptyQuery      nothing to search for: no words, no photo, or all weights 0
    ├── BadPage         limit or offset out of range
    ├── BadEvent        an event that breaks a rule
    ├── BadExposure     a list that the log cannot hold
    ├── BadArm          an arm or experiment that cannot be read
    ├── HistoryError    the store of events cannot be read or written
    │   └── DamagedHistory  its file, or that of the logged lists, is damaged
    └── EvaluationError the data cannot answer the question
        └── BadTable    a file of ratings, histories or events that cannot be read
"""

from __future__ import annotations

from vlclip.engine.errors import VlclipError


class RankingError(VlclipError):
    """Any error of ranking."""

    code = "ranking-error"


class UnknownItem(RankingError):
    """The anchor is not in the store."""

    code = "unknown-item"


class EmptyQuery(RankingError):
    """Nothing to search for: no words, no photo, or all weights 0."""

    code = "empty-query"


class BadPage(RankingError):
    """Limit or offset out of range."""

    code = "bad-page"


class BadEvent(RankingError):
    """An event that breaks a rule."""

    code = "bad-event"


class BadExposure(RankingError):
    """A list that the log cannot hold."""

    code = "bad-exposure"


class BadArm(RankingError):
    """An arm or experiment that cannot be read."""

    code = "bad-arm"


class HistoryError(RankingError):
    """The store of events cannot be read or written."""

    code = "history-error"


class DamagedHistory(HistoryError):
    """The file of events, or that of the logged lists, is damaged."""

    code = "history-damaged"


class EvaluationError(RankingError):
    """The data cannot answer the question."""

    code = "evaluation-error"


class BadTable(EvaluationError):
    """A file of ratings, histories or events that cannot be read."""

    code = "bad-table"
