"""Phrases as Grounding DINO reads them: a small vocabulary, and the place of each phrase in a prompt.

Grounding DINO's code knows four tokens by their number: [CLS], [SEP], "." and "?" end a phrase and limit
what its words attend to. Our own vocabulary has to give them those numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count

import torch
from tokenizers import normalizers, pre_tokenizers
from torch import Tensor
from transformers import BertTokenizer

SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
"""Where Grounding DINO's code expects these tokens; the words go around them."""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789&'-/"
PIECES_PER_PHRASE = 24


class Prompts:
    """Turns photos and phrases into the model's inputs, as transformers' processor does at inference."""

    def __init__(self, tokenizer: BertTokenizer, mean: Sequence[float], std: Sequence[float]) -> None:
        self.tokenizer = tokenizer
        self._mean = torch.tensor(mean).view(1, 3, 1, 1)
        self._std = torch.tensor(std).view(1, 3, 1, 1)
        self._phrase_pieces: dict[str, list[int]] = {}

    def normalise(self, photos: Tensor) -> Tensor:
        """Photos `(n, 3, h, w)` in [0, 1]."""
        return (photos - self._mean.to(photos.device)) / self._std.to(photos.device)

    def tokens(self, prompts: Sequence[Sequence[str]]) -> tuple[dict[str, Tensor], list[list[slice]]]:
        """`input_ids` and `attention_mask` of prompts, and where each of their phrases stands."""
        rows, spans = [], []
        for phrases in prompts:
            row, places = [SPECIAL["[CLS]"]], []
            for phrase in phrases:
                pieces = self._pieces(phrase)
                places.append(slice(len(row), len(row) + len(pieces)))
                row += [*pieces, SPECIAL["."]]
            rows.append([*row, SPECIAL["[SEP]"]])
            spans.append(places)
        longest = max(len(row) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            mask[number, : len(row)] = 1
        return {"input_ids": ids, "attention_mask": mask}, spans

    def _pieces(self, phrase: str) -> list[int]:
        if phrase not in self._phrase_pieces:
            ids = self.tokenizer(phrase, add_special_tokens=False)["input_ids"]
            self._phrase_pieces[phrase] = list(ids)[:PIECES_PER_PHRASE] or [SPECIAL["[UNK]"]]
        return self._phrase_pieces[phrase]


def learn_vocabulary(phrases: Iterable[str], size: int) -> dict[str, int]:
    """The words of the phrases, the commonest first, and letters to spell the others with.

    At most `size` pieces; the special tokens stand where Grounding DINO's code expects them. The same
    phrases give the same numbers, which tokenizers' own trainers do not promise.
    """
    clean, cut = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word for phrase in phrases for word, _ in cut.pre_tokenize_str(clean.normalize_str(phrase))
    )
    letters = sorted({*LETTERS, *(letter for word in words for letter in word)})
    common = sorted(words, key=lambda word: (-words[word], word))
    pieces = dict.fromkeys([*letters, *(f"##{letter}" for letter in letters), *common])
    chosen = [piece for piece in pieces if piece not in SPECIAL][: size - len(SPECIAL)]
    reserved = set(SPECIAL.values())
    free = (number for number in count() if number not in reserved)
    vocabulary = SPECIAL | {piece: next(free) for piece in chosen}
    used = set(vocabulary.values())
    gaps = (number for number in range(max(used)) if number not in used)
    vocabulary |= {f"[unused{number}]": number for number in gaps}
    return dict(sorted(vocabulary.items(), key=lambda pair: pair[1]))
