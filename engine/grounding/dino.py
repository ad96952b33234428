"""Grounding DINO (arXiv 2303.05499) in batches, whichever library runs it.

Photos of one size after the resize share a batch, so none is padded and no mask is needed. With padding,
convolutions and windows would see other borders, and boxes would depend on the other photos of the batch.

A box's score is the sigmoid of its best logit over the tokens of the phrase. [CLS], [SEP] and the final
period are left out: the model is not trained to say anything there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.rule import prompt

SPECIAL = {"[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""Tokens that end a phrase, by their ids in BERT's vocabulary; transformers' model has the ids built in."""
MAX_TOKENS = 256
"""The longest prompt both libraries read."""
MAX_THINNESS = 50
"""Most that a photo's long side may be of its short one; a resize would leave nothing of a thinner photo."""
MAX_UNPADDED_THINNESS = 4
"""Thinner photos get a margin; they would have fewer patches than the model has queries."""

PhotoTensor = torch.Tensor
Doubles = NDArray[np.float64]


class Network(Protocol):
    """The model itself, safe to call from several threads."""

    def __call__(self, pixels: PhotoTensor, prompts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """For photos `(n, 3, h, w)` and a prompt each: logits `(n, queries)`, boxes `(n, queries, 4)`.

        A logit is the best over the phrase's tokens, -inf where it has none. A box is cx, cy, w, h as
        shares of the photo.
        """
        ...


class DinoGrounder:
    """The `Grounder` of both backends."""

    def __init__(self, name: str, network: Network, processor: Any, *, batch: int = 8) -> None:
        self.name = name
        self.network = network
        self._processor = processor
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
            for row, scores, photo_boxes in zip(rows, _array(logits), _array(boxes), strict=True):
                width, height = photos[row].size
                detections[row] = best(scores, photo_boxes / np.tile(filled, 2), (width, height))
        return detections

    def prepare(self, photo: Image.Image) -> PhotoTensor:
        """The model's own resize and normalisation of one RGB photo: `(3, height, width)` float32."""
        inputs = self._processor(images=photo, do_pad=False, return_tensors="pt")
        pixels: PhotoTensor = inputs["pixel_values"][0]
        return pixels

    def batches(
        self, photos: Sequence[Image.Image], rows: Sequence[int]
    ) -> Iterator[tuple[list[int], PhotoTensor, tuple[float, float]]]:
        """Rows that share a batch, their pixels, and the shares of its width and height the photo fills.

        Photos are prepared when they are needed, so memory holds one batch, however many photos there are.
        """
        together: list[int] = []
        prepared: list[PhotoTensor] = []
        for row in sorted(rows, key=lambda row: photos[row].width / photos[row].height):
            pixels = self.prepare(photos[row])
            if prepared and (len(prepared) == self.batch or prepared[0].shape != pixels.shape):
                yield together, *_with_margin(torch.stack(prepared))
                together, prepared = [], []
            together.append(row)
            prepared.append(pixels)
        if prepared:
            yield together, *_with_margin(torch.stack(prepared))


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


def phrase_logits(logits: torch.Tensor, token_ids: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
    """The best logit `(n, queries)` over the tokens of the phrase; -inf where it has none.

    `logits` `(n, queries, tokens or more)`; `token_ids`, `attended` `(n, tokens)`.
    """
    special = torch.tensor(list(SPECIAL.values()), device=token_ids.device)
    phrase = attended.bool() & ~torch.isin(token_ids, special)
    in_phrase = logits[..., : phrase.shape[1]].masked_fill(~phrase[:, None], float("-inf"))
    return in_phrase.amax(dim=-1)


def with_short_side(size: dict[str, int], short_side: int | None) -> dict[str, int]:
    """A processor's `size` scaled so that its short side is `short_side` pixels; None leaves it."""
    if short_side is None:
        return size
    sides = {key: value for key, value in size.items() if value}
    factor = short_side / min(sides.values())
    return {key: round(value * factor) for key, value in sides.items()}


def _thinness(photo: Image.Image) -> float:
    return max(photo.size) / min(photo.size) if min(photo.size) else math.inf


def _with_margin(pixels: PhotoTensor) -> tuple[PhotoTensor, tuple[float, float]]:
    """Photos, with a margin if too thin for the model, and the shares of width and height they fill.

    The margin lies right and below. It is grey: zero is the mean colour after normalisation.
    """
    height, width = pixels.shape[-2:]
    least = math.ceil(max(height, width) / MAX_UNPADDED_THINNESS)
    right, below = max(0, least - width), max(0, least - height)
    padded = torch.nn.functional.pad(pixels, (0, right, 0, below))
    return padded, (width / (width + right), height / (height + below))


def _array(tensor: torch.Tensor) -> Doubles:
    return tensor.double().cpu().numpy()
