"""Text encoding up to the last token that matters, instead of to the padded 77.

CLIP's text attention is causal and the text's feature is read at its end token, so nothing after
the longest end token in a batch can reach the result: cutting there gives the same numbers
(to 1e-5, tests/engine/encoding/test_clip.py) for a fraction of the work. Towers that are not causal
(SigLIP) are left as they are.

Texts of unlike lengths still pad each other. On a CPU every token costs time, so several texts are packed:
laid end to end as one sequence, in which attention sees only tokens of the same text. The numbers are the
same again. Packs are arrays, for PyTorch here and for ONNX Runtime (`vlclip.engine.encoding.onnx_tower`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vlclip.engine.space import Floats

PACKED = 256
"""Most tokens laid end to end; attention is computed for all their pairs, most of them of two texts."""


class Pack(NamedTuple):
    """Texts laid end to end, `n` of them in `length` tokens."""

    tokens: NDArray[np.int64]
    """`(length,)`: ids."""
    places: NDArray[np.int64]
    """`(length,)`: of each token in its own text."""
    mask: Floats
    """`(length, length)`: 0 where a row's token sees a column's, else minus infinity."""
    ends: NDArray[np.int64]
    """`(n,)`: where the end token of each text lies."""


def is_trimmable(model: nn.Module) -> bool:
    """Whether the text tower is causal and pools at its end token."""
    tower = text_tower(model)
    return (
        hasattr(tower, "token_embedding")
        and getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
        and _pool_type(tower) in ("argmax", "eos")
    )


def encode_text(model: Any, tokens: Tensor) -> Tensor:
    """Unit text features `(n, d)` of token ids `(n, context)`, trimmed where that is exact."""
    if not is_trimmable(model):
        features: Tensor = model.encode_text(tokens)
        return functional.normalize(features, dim=-1)
    tower = text_tower(model)
    if len(tokens) > 1 and tokens.device.type == "cpu":
        packed = [encode_pack(tower, *map(torch.from_numpy, pack)) for pack in packs(tower, tokens.numpy())]
        return torch.cat(packed)
    return _trimmed(tower, tokens)


def packs(tower: Any, tokens: NDArray[np.int64]) -> Iterator[Pack]:
    """Texts as padded ids `(n, context)`, in packs of neighbours with at most `PACKED` tokens.

    A single text may have more.
    """
    lengths = _end_positions(tower, tokens) + 1
    start, count = 0, 0
    for row, length in enumerate(lengths.tolist()):
        if count and count + length > PACKED:
            yield _pack(tokens[start:row], lengths[start:row])
            start, count = row, 0
        count += length
    yield _pack(tokens[start:], lengths[start:])


def encode_pack(tower: Any, tokens: Tensor, places: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
    """Unit text features `(n, d)` of a `Pack`: a token sees those before it in its own text."""
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[places].to(dtype)
    x = tower.transformer(x[None], attn_mask=mask)[0]
    return _projected(tower, tower.ln_final(x[ends]))


def text_tower(model: Any) -> Any:
    """The part of a CLIP that holds its text tower; the model itself in open_clip's plain one."""
    return model.text if hasattr(model, "text") else model


def _pack(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> Pack:
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    text, place = inside.nonzero()
    sees = (text[:, None] == text) & (place[:, None] >= place)
    mask = np.where(sees, np.float32(0), np.float32("-inf"))
    return Pack(tokens[inside], place, mask, lengths.cumsum() - 1)


def _trimmed(tower: Any, tokens: Tensor) -> Tensor:
    """Unit features `(n, d)` of texts cut to the longest."""
    ends = _end_positions(tower, tokens)
    length = int(ends.max()) + 1
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens[:, :length]).to(dtype) + tower.positional_embedding[:length].to(dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    return _projected(tower, tower.ln_final(x)[torch.arange(len(tokens), device=tokens.device), ends])


def _projected(tower: Any, x: Tensor) -> Tensor:
    projection = tower.text_projection
    if isinstance(projection, nn.Linear):
        x = projection(x)
    elif projection is not None:
        x = x @ projection
    return functional.normalize(x, dim=-1)


def _pool_type(tower: Any) -> str:
    return str(getattr(tower, "text_pool_type", getattr(tower, "pool_type", "")))


def _end_positions(tower: Any, tokens: Any) -> Any:
    """Where each text ends `(n,)`; of arrays and tensors alike."""
    if _pool_type(tower) == "argmax":
        return tokens.argmax(-1)
    end = int(getattr(tower, "text_eos_id", getattr(tower, "eos_id", 0)))
    return ((tokens == end) * 1).argmax(-1)
