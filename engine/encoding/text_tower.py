"""Text encoding up to the last token that matters, instead of to the padded 77.

CLIP's text attention is causal and the text's feature is read at its end token, so nothing after
the longest end token in a batch can reach the result: cutting there gives the same numbers
(to 1e-5, tests/engine/encoding/test_clip.py) for a fraction of the work. Towers that are not causal
(SigLIP) are left as they are.

Texts of unlike lengths still pad each other, so several are packed (`vlclip.engine.encoding.packing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlclip.engine.encoding.packing import Pack, packs


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
        packed = [encode_pack(tower, *map(torch.from_numpy, pack)) for pack in pack_texts(tower, tokens)]
        return torch.cat(packed)
    return _trimmed(tower, tokens)


def pack_texts(tower: Any, tokens: Tensor) -> Iterator[Pack]:
    """Texts as padded ids `(n, context)`, in packs of neighbours."""
    return packs(tokens.numpy(), end_positions(tower, tokens.numpy()))


def encode_pack(tower: Any, tokens: Tensor, places: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
    """Unit text features `(n, d)` of a `Pack`: a token sees those before it in its own text."""
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[places].to(dtype)
    x = tower.transformer(x[None], attn_mask=mask)[0]
    return _projected(tower, tower.ln_final(x[ends]))


def text_tower(model: Any) -> Any:
    """The part of a CLIP that holds its text tower; the model itself in open_clip's plain one."""
    return model.text if hasattr(model, "text") else model


def _trimmed(tower: Any, tokens: Tensor) -> Tensor:
    """Unit features `(n, d)` of texts cut to the longest."""
    ends = end_positions(tower, tokens)
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


def end_token(tower: Any) -> int | None:
    """The id of the token at which a text ends; None where that has the highest id of all."""
    if _pool_type(tower) == "argmax":
        return None
    return int(getattr(tower, "text_eos_id", getattr(tower, "eos_id", 0)))


def end_positions(tower: Any, tokens: Any) -> Any:
    """Where each text ends `(n,)`; of arrays and tensors alike."""
    end = end_token(tower)
    return tokens.argmax(-1) if end is None else ((tokens == end) * 1).argmax(-1)
