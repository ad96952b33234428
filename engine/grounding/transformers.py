"""Grounding DINO through transformers: a folder in, a `Network` out."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer
from transformers.utils import logging

from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.dino import MAX_TOKENS, SPECIAL, PhotoTensor, phrase_logits


class TransformersNetwork:
    """transformers' model with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, device: str) -> None:
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.device = device
        self._tokenizing = threading.Lock()

    def __call__(self, pixels: PhotoTensor, prompts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `(n, queries)` of the phrase and boxes `(n, queries, 4)`, cx, cy, w, h as shares."""
        words = self.tokens(prompts)
        with torch.inference_mode():
            outputs = self.model(pixel_values=pixels.to(self.device), **words)
            logits = phrase_logits(outputs.logits, words["input_ids"], words["attention_mask"])
        return logits, outputs.pred_boxes

    def tokens(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """The tokens of the prompts, on the model's device."""
        with self._tokenizing:  # tokenizers keep their padding state on the object
            words = self.tokenizer(
                list(prompts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            )
        return {key: tensor.to(self.device) for key, tensor in words.items()}


def load_transformers(folder: Path, device: str) -> tuple[TransformersNetwork, Any]:
    """The network in a folder and its image processor.

    Errors: `EncoderError` where a file is missing or damaged, weights are missing, or the tokenizer
    numbers its special tokens differently from the model.
    """
    try:
        with quiet_transformers():
            images: Any = AutoImageProcessor  # has no types
            processor = images.from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model, report = AutoModelForZeroShotObjectDetection.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,  # weights may be stored as float16, but sums need float32
            )
    except Exception as error:  # damaged files raise whatever their readers raise
        raise EncoderError(f"cannot load the grounder in {folder}: {error}") from error
    check_complete(folder, model, report["missing_keys"])
    if tokenizer.convert_tokens_to_ids(list(SPECIAL)) != list(SPECIAL.values()):
        raise EncoderError(
            f"the tokenizer in {folder} must number {', '.join(SPECIAL)} as BERT does, "
            f"{', '.join(map(str, SPECIAL.values()))}: the model has these numbers built in"
        )
    return TransformersNetwork(model, tokenizer, device), processor


def check_complete(folder: Path, model: Any, missing: Sequence[str]) -> None:
    """Refuse a model some of whose parameters were in no file and are therefore random."""
    random = sorted(set(missing) & {name for name, _ in model.named_parameters()})
    if random:
        raise EncoderError(
            f"the weights in {folder} lack {len(random)} of the model's tensors ({random[0]}, …); "
            "the configuration belongs to another checkpoint, or the file is not complete"
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Only errors from transformers, which draws bars and reports every unused tensor."""
    logs: Any = logging  # has no types
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()
