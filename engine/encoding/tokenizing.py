"""A model's words as ids, by the `tokenizers` library alone: what open_clip's tokenizers give.

Laws (tests/engine/encoding/test_tokenizing.py):
- ids equal those of open_clip's own tokenizer of the folder, whatever the text;
- texts of one `reading` have the same ids.
"""

from __future__ import annotations

import html
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ftfy
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

FILE = "tokenizer.json"
PUNCTUATION = str.maketrans("", "", string.punctuation)


class Words:
    """The tokenizer in a model's folder; safe to use from several threads."""

    def __init__(self, folder: Path, text_config: Mapping[str, Any], padding: int = 0) -> None:
        self.context = int(text_config.get("context_length", 77))
        self._padding = padding
        own = "whitespace" if text_config.get("hf_tokenizer_name") else "lower"
        self._clean = CLEANING[text_config.get("tokenizer_kwargs", {}).get("clean", own)]
        tokenizer = Tokenizer.from_file(str(folder / FILE))
        tokenizer.enable_truncation(self.context)
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Ids `(n, context)` of texts, padded."""
        out = np.full((len(texts), self.context), self._padding, dtype=np.int64)
        for row, encoding in enumerate(self._tokenizer.encode_batch_fast([self._clean(t) for t in texts])):
            out[row, : len(encoding.ids)] = encoding.ids
        return out

    def reading(self, text: str) -> str:
        """The text as the tokenizer reads it: cleaned, then normalised, except for special tokens."""
        cleaned = self._clean(text)
        normalizer = self._tokenizer.normalizer
        if normalizer is None:
            return cleaned
        if any(token in cleaned for token in self._special):
            return f"\0{cleaned}"  # cleaning leaves no such character in the others
        return str(normalizer.normalize_str(cleaned))


def _whitespace(text: str) -> str:
    return " ".join(_basic(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonical(text: str) -> str:
    return " ".join(_basic(text).replace("_", " ").translate(PUNCTUATION).lower().split())


def _basic(text: str) -> str:
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.strip()  # there is nothing to mend, and looking for it takes a tenth of an encoding
    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


CLEANING: Mapping[str, Callable[[str], str]] = {
    "whitespace": _whitespace, "lower": _lower, "canonicalize": _canonical,
}  # fmt: skip
"""What open_clip does to a text before its tokenizer, by its own names."""
