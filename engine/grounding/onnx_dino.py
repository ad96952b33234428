"""Grounding DINO through ONNX Runtime: what transformers' model finds, without PyTorch.

Laws (tests/engine/grounding/test_onnx_dino.py, tests/contract/test_grounders.py):
- boxes equal PyTorch's to a pixel, scores to 1e-4, for every size of photos and batches;
- which tokens see each other is what transformers' model decides;
- nothing here imports torch or transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from vlclip.engine.encoding.onnx_files import open_graph
from vlclip.engine.encoding.tokenizing import FILE
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.dino import MAX_TOKENS, SPECIAL, Prepare, Tokens, phrase_logits
from vlclip.engine.grounding.preprocessing import Preprocessing
from vlclip.engine.space import Floats

GRAPH, WEIGHTS = "grounder.onnx", "model.safetensors"
LONGEST = "vlclip.tokens"
"""Metadata of a graph: most tokens of a prompt that the model reads."""


def has_graph(folder: Path) -> bool:
    """Whether a grounder can be run by ONNX Runtime."""
    return (folder / GRAPH).is_file() and (folder / WEIGHTS).is_file()


class OnnxNetwork:
    """A model in a folder with a graph, on the CPU; safe to call from several threads.

    `threads` are those of one operator. Errors: `EncoderError` for files that do not belong together.
    """

    device = "cpu"

    def __init__(self, folder: Path, threads: int) -> None:
        self._session = open_graph(folder / GRAPH, folder / WEIGHTS, threads)
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        longest = int(self._session.get_modelmeta().custom_metadata_map[LONGEST])
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / FILE))
        except Exception as error:  # tokenizers raises nothing more special
            raise EncoderError(f"cannot read the tokenizer in {folder}: {error}") from error
        check_numbers(folder, [self._tokenizer.token_to_id(token) for token in SPECIAL])
        self._tokenizer.enable_truncation(min(MAX_TOKENS, longest))
        padding = self._tokenizer.token_to_id("[PAD]")
        self._tokenizer.enable_padding(pad_id=0 if padding is None else padding)

    def __call__(self, pixels: Floats, prompts: Sequence[str]) -> tuple[Floats, Floats]:
        """Logits `(n, queries)` of the phrase and boxes `(n, queries, 4)`, cx, cy, w, h as shares."""
        ids, attended = self.tokens(prompts)
        mask, places = phrases(ids)
        inputs = {
            "pixels": pixels,
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": attended,
            "text_mask": mask,
            "places": places,
        }
        logits, boxes = self._session.run(None, {name: inputs[name] for name in self._inputs})
        return phrase_logits(logits, ids, attended), boxes

    def tokens(self, prompts: Sequence[str]) -> tuple[Tokens, Tokens]:
        """Ids `(n, tokens)` of the prompts, and 1 where they are not padding."""
        encodings = self._tokenizer.encode_batch(list(prompts))
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        return ids, np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)


def load_onnx(folder: Path, threads: int, short_side: int | None = None) -> tuple[OnnxNetwork, Prepare]:
    """The network in a folder with a graph, and how it reads photos.

    Errors: `EncoderError` where files are damaged, or photos are prepared in a way that needs PyTorch.
    """
    try:
        prepare = Preprocessing.of(folder, short_side)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"cannot load the grounder in {folder} without PyTorch: {error}") from error
    return OnnxNetwork(folder, threads), prepare


def phrases(ids: Tokens) -> tuple[NDArray[np.bool_], Tokens]:
    """Which tokens see each other `(n, tokens, tokens)`, and the place of each in its phrase.

    A token sees those of its own phrase, up to the token that ends it; others see only themselves.
    """
    count, length = ids.shape
    ends = np.isin(ids, list(SPECIAL.values()))
    rows = np.broadcast_to(np.arange(length), (count, length))
    next_end = np.minimum.accumulate(np.where(ends, rows, length)[:, ::-1], axis=1)[:, ::-1]
    last_end = np.maximum.accumulate(np.where(ends, rows, -1), axis=1)
    before = np.concatenate([np.full((count, 1), -1), last_end[:, :-1]], axis=1)
    in_phrase = (next_end != 0) & (next_end < length - 1)
    mask = (next_end[:, :, None] == next_end[:, None]) & in_phrase[:, None]
    places: Tokens = np.where(in_phrase, rows - before - 1, 0).clip(0)
    return mask | np.eye(length, dtype=bool), places


def check_numbers(folder: Path, numbers: Sequence[int | None]) -> None:
    """Refuse a tokenizer that numbers the `SPECIAL` tokens in another way than the model."""
    if list(numbers) != list(SPECIAL.values()):
        raise EncoderError(
            f"the tokenizer in {folder} must number {', '.join(SPECIAL)} as BERT does, "
            f"{', '.join(map(str, SPECIAL.values()))}: the model has these numbers built in"
        )
