"""Grounding DINO through transformers: a folder in, a `Network` out."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer
from transformers.utils import logging

from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.dino import MAX_TOKENS, SPECIAL, Prepare, phrase_logits
from vlclip.engine.grounding.onnx_dino import check_numbers
from vlclip.engine.grounding.preprocessing import Preprocessing, with_short_side
from vlclip.engine.space import Floats


class TransformersNetwork:
    """transformers' model with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, device: str) -> None:
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.device = device
        self._tokenizing = threading.Lock()

    def __call__(self, pixels: Floats, prompts: Sequence[str]) -> tuple[Floats, Floats]:
        """Logits `(n, queries)` of the phrase and boxes `(n, queries, 4)`, cx, cy, w, h as shares."""
        words = self.tokens(prompts)
        with torch.inference_mode():
            outputs = self.model(pixel_values=torch.from_numpy(pixels).to(self.device), **words)
        read = [words[key].cpu().numpy() for key in ("input_ids", "attention_mask")]
        return phrase_logits(outputs.logits.cpu().numpy(), *read), outputs.pred_boxes.cpu().numpy()

    def tokens(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """The tokens of the prompts, on the model's device."""
        longest = min(MAX_TOKENS, self.model.config.max_text_len)
        with self._tokenizing:  # tokenizers keep their padding state on the object
            words = self.tokenizer(
                list(prompts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
            )
        return {key: tensor.to(self.device) for key, tensor in words.items()}


def load_transformers(
    folder: Path, device: str, short_side: int | None = None
) -> tuple[TransformersNetwork, Prepare]:
    """The network in a folder and how it reads photos.

    Errors: `EncoderError` where a file is missing or damaged, weights are missing, or the tokenizer
    numbers its special tokens differently from the model.
    """
    try:
        with quiet_transformers():
            images: Any = AutoImageProcessor  # has no types
            own = images.from_pretrained(folder, local_files_only=True)
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
    numbers: Any = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    check_numbers(folder, numbers)
    return TransformersNetwork(model, tokenizer, device), _prepare(folder, own, short_side)


def _prepare(folder: Path, processor: Any, short_side: int | None) -> Prepare:
    """The preprocessing of every library, or the model's own processor where it does something else."""
    with suppress(ValueError):
        return Preprocessing.of(folder, short_side)
    processor.size = with_short_side(dict(processor.size), short_side)

    def prepare(photo: Image.Image) -> Floats:
        pixels: Floats = processor(images=photo, do_pad=False, return_tensors="np")["pixel_values"][0]
        return pixels

    return prepare


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
