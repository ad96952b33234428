"""Text encoding up to the last token that matters, instead of to the padded 77.

CLIP's text attention is causal and the text's feature is read at its end token, so nothing after
the longest end token in a batch can reach the result: cutting there gives the same numbers
(to 1e-5, tests/engine/test_clip.py) for a fraction of the work. Towers that are not causal
(SigLIP) are left as they are.

Texts of unlike lengths still pad each other. On a CPU, where a token costs what it costs, several are
therefore packed: laid end to end as one sequence, in which attention sees its own text only. The numbers
are the same again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PACKED = 256
"""Most tokens laid end to end; attention within them is computed for all pairs, and most are of two texts."""


def is_trimmable(model: nn.Module) -> bool:
    """Whether the text tower is causal and pools at its end token."""
    tower = _tower(model)
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
    tower = _tower(model)
    ends = _end_positions(tower, tokens)
    if len(tokens) > 1 and tokens.device.type == "cpu":
        x = torch.cat([_packed(tower, tokens[rows], ends[rows]) for rows in _packs(ends)])
    else:
        x = _trimmed(tower, tokens, ends)
    projection = tower.text_projection
    if isinstance(projection, nn.Linear):
        x = projection(x)
    elif projection is not None:
        x = x @ projection
    return functional.normalize(x, dim=-1)


def _trimmed(tower: Any, tokens: Tensor, ends: Tensor) -> Tensor:
    """Features at the end tokens `(n, width)`, of texts cut to the longest."""
    length = int(ends.max()) + 1
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens[:, :length]).to(dtype) + tower.positional_embedding[:length].to(dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    features: Tensor = tower.ln_final(x)[torch.arange(len(tokens), device=tokens.device), ends]
    return features


def _packed(tower: Any, tokens: Tensor, ends: Tensor) -> Tensor:
    """The same, of texts laid end to end: a token sees those before it in its own text."""
    inside = torch.arange(tokens.shape[1]) <= ends[:, None]
    text, place = inside.nonzero(as_tuple=True)
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens[inside]).to(dtype) + tower.positional_embedding[place].to(dtype)
    sees = (text[:, None] == text) & (place[:, None] >= place)
    mask = torch.zeros(sees.shape, dtype=tower.attn_mask.dtype).masked_fill_(~sees, float("-inf"))
    x = tower.transformer(x[None], attn_mask=mask)[0]
    features: Tensor = tower.ln_final(x[(ends + 1).cumsum(0) - 1])
    return features


def _packs(ends: Tensor) -> list[slice]:
    """Neighbouring rows, of no more than `PACKED` tokens together unless one alone has more."""
    packs, start, held = [], 0, 0
    for row, length in enumerate((ends + 1).tolist()):
        if held and held + length > PACKED:
            packs.append(slice(start, row))
            start, held = row, 0
        held += length
    return [*packs, slice(start, len(ends))]


def _tower(model: Any) -> Any:
    return model.text if hasattr(model, "text") else model


def _pool_type(tower: Any) -> str:
    return str(getattr(tower, "text_pool_type", getattr(tower, "pool_type", "")))


def _end_positions(tower: Any, tokens: Tensor) -> Tensor:
    if _pool_type(tower) == "argmax":
        return tokens.argmax(dim=-1)
    end = int(getattr(tower, "text_eos_id", getattr(tower, "eos_id", 0)))
    return torch.eq(tokens, end).int().argmax(dim=-1)
