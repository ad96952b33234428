"""Grounding DINO (arXiv 2303.05499) in batches, whichever library runs it: the same photos, the same boxes.

Photos of one size after the resize share a batch, so none is padded and no mask is needed. With padding,
convolutions and windows would see other borders, and boxes would depend on the other photos of the batch.

A box's score is the sigmoid of its best logit over the tokens of the phrase. [CLS], [SEP] and the final
period are left out: the model is not trained to say anything there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.rule import prompt
from vlclip.engine.space import Floats

SPECIAL = {"[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""Tokens that end a phrase, by their ids in BERT's vocabulary; transformers' model has the ids built in."""
MAX_TOKENS = 256
"""The longest prompt both libraries read."""
MAX_THINNESS = 50
"""Most that a photo's long side may be of its short one; a resize would leave nothing of a thinner photo."""
MAX_UNPADDED_THINNESS = 4
"""Thinner photos get a margin; they would have fewer patches than the model has queries."""

Prepare = Callable[[Image.Image], Floats]
"""One RGB photo, resized and normalised as a model reads it: `(3, height, width)`."""
Doubles = NDArray[np.float64]
Tokens = NDArray[np.int64]


class Network(Protocol):
    """The model itself, safe to call from several threads."""

    def __call__(self, pixels: Floats, prompts: Sequence[str]) -> tuple[Floats, Floats]:
        """For photos `(n, 3, h, w)` and a prompt each: logits `(n, queries)`, boxes `(n, queries, 4)`.

        A logit is the best over the phrase's tokens, -inf where it has none. A box is cx, cy, w, h as
        shares of the photo.
        """
        ...


class DinoGrounder:
    """The `Grounder` of every backend."""

    def __init__(self, name: str, network: Network, prepare: Prepare, *, batch: int = 8) -> None:
        self.name = name
        self.network = network
        self.prepare = prepare
        self.batch = batch

    def locate(self, photos: Sequence[Image.Image], product_types: Sequence[str]) -> list[Detection | None]:
        """The best box of each RGB photo for its product type, however low its score."""
        if len(photos) != len(product_types):
            raise ValueError(f"{len(photos)} photos but {len(product_types)} product types; give one each")
        prompts = [prompt(product_type) for product_type in product_types]
        detections: list[Detection | None] = [None] * len(photos)
        searchable = [
            row for row, photo in enumerate(photos) if prompts[row] and _thinness(photo) <= MAX_THINNESS
        ]
        for rows, pixels, filled in self.batches(photos, searchable):
            logits, boxes = self.network(pixels, [prompts[row] for row in rows])
            triples = zip(rows, logits.astype(np.float64), boxes.astype(np.float64), strict=True)
            for row, scores, photo_boxes in triples:
                width, height = photos[row].size
                detections[row] = best(scores, photo_boxes / np.tile(filled, 2), (width, height))
        return detections

    def batches(
        self, photos: Sequence[Image.Image], rows: Sequence[int]
    ) -> Iterator[tuple[list[int], Floats, tuple[float, float]]]:
        """Rows that share a batch, their pixels, and the shares of its width and height the photo fills.

        Photos are prepared when they are needed, so memory holds one batch, however many photos there are.
        """
        together: list[int] = []
        prepared: list[Floats] = []
        for row in sorted(rows, key=lambda row: photos[row].width / photos[row].height):
            pixels = self.prepare(photos[row])
            if prepared and (len(prepared) == self.batch or prepared[0].shape != pixels.shape):
                yield together, *_with_margin(np.stack(prepared))
                together, prepared = [], []
            together.append(row)
            prepared.append(pixels)
        if prepared:
            yield together, *_with_margin(np.stack(prepared))


def best(logits: Doubles, boxes: Doubles, size: tuple[int, int]) -> Detection | None:
    """The box of the highest logit among those with any area inside a photo of `size` (width, height).

    `logits` `(queries,)`; `boxes` `(queries, 4)`: cx, cy, w, h as shares of the photo.
    """
    middles, halves = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([middles - halves, middles + halves], axis=1) * np.tile(size, 2)
    inside = np.clip(corners, 0, np.tile(size, 2))
    sound = (
        np.isfinite(corners).all(axis=1) & np.isfinite(logits) & (inside[:, :2] < inside[:, 2:]).all(axis=1)
    )
    if not sound.any():
        return None
    row = int(np.argmax(np.where(sound, logits, -np.inf)))
    x0, y0, x1, y1 = inside[row].tolist()
    return Detection((x0, y0, x1, y1), (1 + math.tanh(logits[row] / 2)) / 2)  # sigmoid, never too large


def phrase_logits(logits: Floats, token_ids: Tokens, attended: Tokens) -> Floats:
    """The best logit `(n, queries)` over the tokens of the phrase; -inf where it has none.

    `logits` `(n, queries, most tokens that the model reads)`; `token_ids`, `attended` `(n, tokens)`.
    """
    phrase = (attended != 0) & ~np.isin(token_ids, list(SPECIAL.values()))
    read = min(phrase.shape[1], logits.shape[-1])
    in_phrase = np.where(phrase[:, None, :read], logits[..., :read], np.float32(-np.inf))
    best_logits: Floats = in_phrase.max(axis=-1)
    return best_logits


def _thinness(photo: Image.Image) -> float:
    return max(photo.size) / min(photo.size) if min(photo.size) else math.inf


def _with_margin(pixels: Floats) -> tuple[Floats, tuple[float, float]]:
    """Photos, with a margin if too thin for the model, and the shares of width and height they fill.

    The margin lies right and below. It is grey: zero is the mean colour after normalisation.
    """
    height, width = pixels.shape[-2:]
    least = math.ceil(max(height, width) / MAX_UNPADDED_THINNESS)
    right, below = max(0, least - width), max(0, least - height)
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, below), (0, right)))
    return padded, (width / (width + right), height / (height + below))
