"""Grounding DINO through groundingdino-py 0.4, the library of its authors, adapted to today's libraries.

These changes to the loaded model do not change its numbers for one photo:
- its wrapper of BERT calls three methods that transformers 5 removed; ours calls BERT itself;
- its text layers repeat a batch's masks in the wrong order, so with several prompts in a batch each is
  masked by another's phrase; here every head gets the mask of its own prompt;
- gradient checkpoints are turned off, and what torch now warns about is replaced.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import MethodType
from typing import Any

import torch

from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.dino import MAX_TOKENS, Prepare, phrase_logits
from vlclip.engine.grounding.folders import config_and_weights
from vlclip.engine.grounding.preprocessing import SIZE, Preprocessing, with_short_side
from vlclip.engine.grounding.transformers import check_complete, quiet_transformers
from vlclip.engine.space import Floats

_BUILDING = threading.Lock()


class OriginalNetwork:
    """The authors' model; it holds its own tokenizer."""

    def __init__(self, model: Any, device: str) -> None:
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.device = device
        self._tokenizer = model.tokenizer
        self._tokenizing = threading.Lock()
        model.tokenizer = self._tokens  # the model calls it, and this one is safe in threads

    def __call__(self, pixels: Floats, prompts: Sequence[str]) -> tuple[Floats, Floats]:
        """Logits `(n, queries)` of the phrase and boxes `(n, queries, 4)`, cx, cy, w, h as shares."""
        with torch.inference_mode():
            outputs = self.model(torch.from_numpy(pixels).to(self.device), captions=list(prompts))
        logits, boxes = (outputs[key].cpu().numpy() for key in ("pred_logits", "pred_boxes"))
        words = self._tokens(list(prompts))
        return phrase_logits(logits, words["input_ids"].numpy(), words["attention_mask"].numpy()), boxes

    def _tokens(self, prompts: Sequence[str], **_: object) -> Any:
        with self._tokenizing:  # tokenizers keep their padding state on the object
            return self._tokenizer(
                prompts, padding="longest", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            )


class BertWithPhraseMasks(torch.nn.Module):
    """In place of groundingdino-py's wrapper: the same parts by the same names, called by transformers."""

    def __init__(self, bert_model: Any) -> None:
        super().__init__()
        self.config = bert_model.config
        self.embeddings = bert_model.embeddings
        self.encoder = bert_model.encoder
        self.pooler = bert_model.pooler  # unused, but checkpoints hold it
        self._bert = (bert_model,)  # a tuple hides it from the state dict, which has its parts already

    def forward(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> Any:
        """BERT with a mask `(n, tokens, tokens)`: True where a token may see another of its phrase."""
        return self._bert[0](attention_mask=attention_mask[:, None], **inputs)


def load_original(
    folder: Path, device: str, short_side: int | None = None
) -> tuple[OriginalNetwork, Prepare]:
    """The network in a folder and the authors' way to read photos.

    The configuration is a Python program and is run; use only one you trust. Reading weights runs no code.
    Errors: `EncoderError` where groundingdino-py is not installed, or a file is damaged or does not fit.
    """
    config_file, weights = config_and_weights(folder)
    try:
        model = build_original(config_file)
        missing = model.load_state_dict(read_weights(weights), strict=False).missing_keys
    except EncoderError:
        raise
    except Exception as error:  # a configuration is a program and raises anything
        raise EncoderError(f"cannot load the original checkpoint in {folder}: {error}") from error
    check_complete(folder, model, [key for key in missing if not key.startswith("bert.pooler.")])
    _mend(model)
    return OriginalNetwork(model, device), Preprocessing(with_short_side(SIZE, short_side))


def build_original(config_file: Path) -> Any:
    """groundingdino-py's model as its configuration says, with fresh weights."""
    config = read_config(config_file)
    from groundingdino.models.GroundingDINO import groundingdino  # noqa: PLC0415 - an extra

    with _BUILDING, _quiet():
        wrapper, groundingdino.BertModelWarper = groundingdino.BertModelWarper, BertWithPhraseMasks
        try:
            return groundingdino.build_groundingdino(config)
        finally:
            groundingdino.BertModelWarper = wrapper


def read_config(config_file: Path) -> Any:
    """The configuration, its text encoder a folder beside it where there is one, else a hub's name."""
    with _BUILDING, _quiet():
        try:
            import groundingdino.models  # noqa: F401, PLC0415 - an extra, and its imports print and warn
            from groundingdino.util.slconfig import SLConfig  # noqa: PLC0415
        except ImportError as error:
            raise EncoderError(
                f"original checkpoints need groundingdino-py ({error}): pip install 'vlclip[grounding]'"
            ) from None
        config = SLConfig.fromfile(str(config_file))
    if not config.backbone.startswith("swin"):  # for others the library downloads ImageNet's weights
        raise EncoderError(f"{config_file} asks for {config.backbone}; give one with a Swin backbone")
    beside = config_file.parent / config.text_encoder_type
    config.text_encoder_type = str(beside) if beside.is_dir() else config.text_encoder_type
    config.use_checkpoint = config.use_transformer_ckpt = False
    return config


def read_weights(weights: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by the names they have in the model."""
    state = torch.load(weights, map_location="cpu", weights_only=True)
    return {key.removeprefix("module."): tensor for key, tensor in state["model"].items()}


def _mend(model: Any) -> None:
    for layer in model.transformer.encoder.text_layers:
        layer.register_forward_pre_hook(_mask_per_head, with_kwargs=True)
    for layer in model.transformer.decoder.layers:
        layer.forward_ffn = MethodType(_feed_forward, layer)
    with warnings.catch_warnings():  # torch warns of meshgrid's old indexing once; it has done so here
        warnings.simplefilter("ignore")
        torch.meshgrid(torch.zeros(1), torch.zeros(1))


def _mask_per_head(layer: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """`(n, tokens, tokens)` to `(n * heads, ...)`, one photo's heads together, as attention reads it."""
    return inputs, named | {"src_mask": named["src_mask"].repeat_interleave(layer.nhead, dim=0)}


def _feed_forward(layer: Any, target: torch.Tensor) -> torch.Tensor:
    """The layer's own, without the switch of CUDA's autocast that torch deprecated."""
    inner = layer.linear2(layer.dropout3(layer.activation(layer.linear1(target))))
    mended: torch.Tensor = layer.norm3(target + layer.dropout4(inner))
    return mended


@contextmanager
def _quiet() -> Iterator[None]:
    """No prints of the library, no reports of transformers, no warnings about either's imports."""
    with quiet_transformers(), redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
