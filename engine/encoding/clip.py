"""CLIP through open_clip and PyTorch: one name in, unit vectors out.

Laws (tested in tests/engine/encoding/test_clip.py):
- text features equal open_clip's own `encode_text` to 1e-5, whatever the other texts of a batch are;
- image features equal open_clip's own preprocessing and `encode_image`;
- the fingerprint changes with any weight or preprocessing value, and not with a folder's place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from vlclip.engine.disk import draft_of, write_whole
from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.encoding.model_files import (
    CONFIG,
    WEIGHTS,
    folder_fingerprint,
    model_folder,
    shipped_models,
)
from vlclip.engine.encoding.portions import portions
from vlclip.engine.encoding.preprocessing import Preprocessing
from vlclip.engine.encoding.text_tower import encode_text
from vlclip.engine.errors import EncoderError
from vlclip.engine.space import Floats, unit

WORDS = 100_000
"""Most words whose tokens a tokenizer caches; queries bring ever new ones."""


class Clip:
    """A loaded CLIP. Build one with `load_clip`; safe to use from several threads."""

    runtime = "torch"

    def __init__(self, name: str, model: Any, preprocess: Any, tokenizer: Any, device: str) -> None:
        self.name = name
        self.device = device
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.preprocess = preprocess
        self.tokenizer = tokenizer
        self._tokenizing = threading.Lock()
        self.size = int(self._encode_tokens(self.tokens(["a"])).shape[1])

    def prepare(self, photo: Image.Image) -> Floats:
        """open_clip's preprocessing of one RGB photo: `(3, height, width)` float32."""
        return np.asarray(self.preprocess(photo), dtype=np.float32)

    def encode_prepared(self, photos: Sequence[Floats]) -> Floats:
        """Unit image vectors `(n, size)` of photos that `prepare` made."""
        if not photos:
            return np.zeros((0, self.size), dtype=np.float32)
        parts = portions(photos) if self.device == "cpu" else [photos]
        return unit(np.concatenate([self._encode_photos(part) for part in parts]))

    def encode_images(self, photos: Sequence[Image.Image]) -> Floats:
        """Unit image vectors `(n, size)` of RGB photos."""
        return self.encode_prepared([self.prepare(photo) for photo in photos])

    def encode_texts(self, texts: Sequence[str], *, batch: int = 64) -> Floats:
        """Unit text vectors `(n, size)`; texts of like length share a batch, order is kept."""
        out = np.zeros((len(texts), self.size), dtype=np.float32)
        if not texts:
            return out
        tokens = self.tokens(texts)
        order = torch.argsort((tokens != 0).sum(dim=1)).tolist()
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            out[rows] = self._encode_tokens(tokens[rows])
        return out

    def reading(self, text: str) -> str:
        """The text as the tokenizer reads it: texts of one reading have the same tokens.

        open_clip's tokenizers first clean a text (spaces, HTML, broken encodings) and read only the result.
        A Hugging Face tokenizer then normalizes it (case, widths), except for its own special tokens.
        """
        clean = getattr(self.tokenizer, "clean_fn", None)
        cleaned: str = clean(text) if clean is not None else text
        fast = getattr(getattr(self.tokenizer, "tokenizer", None), "backend_tokenizer", None)
        if clean is None or fast is None or fast.normalizer is None:
            return cleaned
        if any(token.content in cleaned for token in fast.get_added_tokens_decoder().values()):
            return f"\0{cleaned}"  # cleaning leaves no such character in the others
        normal: str = fast.normalizer.normalize_str(cleaned)
        return normal

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """Padded ids `(n, context)` of texts."""
        with self._tokenizing:  # tokenizers keep their padding state on the object
            tokens: torch.Tensor = self.tokenizer(list(texts))
            words = getattr(self.tokenizer, "cache", {})  # open_clip's cache never drops a word
            if len(words) > WORDS:  # special tokens stand for themselves and have to stay
                self.tokenizer.cache = {word: cut for word, cut in words.items() if word == cut}
        return tokens

    def _encode_photos(self, photos: Sequence[Floats]) -> Floats:
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(photos)).to(self.device)
            features = self.model.encode_image(batch.contiguous(memory_format=torch.channels_last))
            vectors: Floats = features.float().cpu().numpy()
        return vectors

    def _encode_tokens(self, tokens: torch.Tensor) -> Floats:
        with torch.inference_mode():
            features: Floats = encode_text(self.model, tokens.to(self.device)).float().cpu().numpy()
        return features


def load_clip(name: str, device: str = "auto") -> Clip:
    """Load a shipped name, a folder, `hf-hub:owner/model`, or `architecture/pretrained`.

    Errors: `EncoderError` for an unknown name (with the nearest), a folder that is no open_clip
    model, weights that cannot be downloaded.
    """
    open_clip_name, pretrained = _open_clip_name(name)
    try:
        with quiet_open_clip():
            model, _, preprocess = open_clip.create_model_and_transforms(
                open_clip_name, pretrained=pretrained, require_pretrained=True
            )
            tokenizer = open_clip.get_tokenizer(open_clip_name)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise EncoderError(f"cannot load the model {name!r}: {error}") from error
    return Clip(name, model, preprocessing_of(model, preprocess), tokenizer, pick_device(device))


def preprocessing_of(model: Any, transform: Callable[[Image.Image], Any]) -> Callable[[Image.Image], Any]:
    """Our own preprocessing, which is faster, where it knows the model's; else open_clip's transform."""
    try:
        return Preprocessing.of(model.visual.preprocess_cfg)
    except (ValueError, KeyError):
        return transform


@contextmanager
def quiet_open_clip() -> Iterator[None]:
    """Only errors from open_clip, which reports every step to the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def save_clip(clip: Clip, folder: Path, *, weights: bool = True) -> None:
    """Write a loaded model as a folder that `load_clip` and open_clip load again.

    Without `weights` it is the architecture and the tokenizer only.
    """
    name, _ = _open_clip_name(clip.name)
    config = {
        "model_cfg": open_clip.get_model_config(name),
        "preprocess_cfg": dict(clip.model.visual.preprocess_cfg),
    }
    write_whole(folder / CONFIG, json.dumps(config, indent=1))
    if weights:
        state = {key: tensor.detach().cpu().contiguous() for key, tensor in clip.model.state_dict().items()}
        with draft_of(folder / WEIGHTS) as draft:
            save_file(state, draft)
    if hasattr(clip.tokenizer, "save_pretrained"):
        clip.tokenizer.save_pretrained(folder)


def clip_fingerprint(name: str) -> tuple[str, int]:
    """Fingerprint and vector size of a model; a folder's is read from its files, without loading."""
    folder = model_folder(name)
    if folder is not None:
        return folder_fingerprint(folder)
    clip = load_clip(name, "cpu")
    return fingerprint_of(clip), clip.size


def fingerprint_of(clip: Clip) -> str:
    """The fingerprint of a loaded model, which is that of its name."""
    folder = model_folder(clip.name)
    if folder is not None:
        return folder_fingerprint(folder)[0]
    digest = hashlib.sha256()
    for key, tensor in sorted(clip.model.state_dict().items()):
        digest.update(f"{key}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().float().numpy().tobytes())
    digest.update(json.dumps(dict(clip.model.visual.preprocess_cfg), default=str).encode())
    return digest.hexdigest()[:16]


def _open_clip_name(name: str) -> tuple[str, str | None]:
    folder = model_folder(name)
    if folder is not None:
        return f"local-dir:{folder}", None
    if name.startswith("hf-hub:"):
        return name, None
    architecture, _, pretrained = name.partition("/")
    if architecture not in open_clip.list_models():
        near = get_close_matches(architecture, [*open_clip.list_models(), *shipped_models()], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "."
        raise EncoderError(
            f"no model named {name!r}{hint} Give a shipped name ({', '.join(shipped_models())}), a folder, "
            "hf-hub:owner/model, or architecture/pretrained such as ViT-B-32/laion2b_s34b_b79k"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if pretrained not in tags:
        raise EncoderError(
            f"{architecture} needs pretrained weights after a slash; known: {', '.join(tags) or 'none'}"
        )
    return architecture, pretrained
