"""Text encoding up to the last token that matters, instead of to the padded 77.

CLIP's text attention is causal and the text's feature is read at its end token, so nothing after
the longest end token in a batch can reach the result: cutting there gives the same numbers
(to 1e-5, tests/engine/test_clip.py) for a fraction of the work. Towers that are not causal
(SigLIP) are left as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


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
    length = int(ends.max()) + 1
    tokens = tokens[:, :length]
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    x = tower.ln_final(x)[torch.arange(len(tokens), device=tokens.device), ends]
    projection = tower.text_projection
    if isinstance(projection, nn.Linear):
        x = projection(x)
    elif projection is not None:
        x = x @ projection
    return functional.normalize(x, dim=-1)


def _tower(model: Any) -> Any:
    return model.text if hasattr(model, "text") else model


def _pool_type(tower: Any) -> str:
    return str(getattr(tower, "text_pool_type", getattr(tower, "pool_type", "")))


def _end_positions(tower: Any, tokens: Tensor) -> Tensor:
    if _pool_type(tower) == "argmax":
        return tokens.argmax(dim=-1)
    end = int(getattr(tower, "text_eos_id", getattr(tower, "eos_id", 0)))
    return torch.eq(tokens, end).int().argmax(dim=-1)
