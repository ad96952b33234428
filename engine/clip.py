"""CLIP through open_clip: one name in, unit vectors out.

Laws (tested in tests/engine/test_clip.py):
- text features equal open_clip's own `encode_text` to 1e-5, whatever stands beside a text in a batch;
- image features equal open_clip's own preprocessing and `encode_image`;
- the fingerprint changes with any weight or preprocessing value, and not with a folder's place.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.errors import EncoderError
from engine.space import Floats, unit

SHIPPED = Path(__file__).parent / "models"
FINGERPRINTED = (".safetensors", ".bin", ".pt", ".pth", ".json", ".txt", ".model")
"""Files of a model folder that can change its vectors."""


class Clip:
    """A loaded CLIP. Build one with `load_clip`; safe to use from several threads."""

    def __init__(self, name: str, model: Any, preprocess: Any, tokenizer: Any, device: str) -> None:
        import torch

        from engine.text_tower import encode_text

        self.name = name
        self.device = device
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.preprocess = preprocess
        self.tokenizer = tokenizer
        self._torch = torch
        self._encode_text = encode_text
        self._tokenizing = threading.Lock()
        self.size = int(self.encode_texts(["a"]).shape[1])

    def prepare(self, photo: Image.Image) -> Floats:
        """open_clip's own preprocessing of one RGB photo: `(3, height, width)` float32."""
        return np.asarray(self.preprocess(photo), dtype=np.float32)

    def encode_prepared(self, photos: Sequence[Floats]) -> Floats:
        """Unit image vectors `(n, size)` of photos that `prepare` made."""
        if not photos:
            return np.zeros((0, self.size), dtype=np.float32)
        torch = self._torch
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(photos)).to(self.device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            features = self.model.encode_image(batch)
        return unit(features.float().cpu().numpy())

    def encode_images(self, photos: Sequence[Image.Image]) -> Floats:
        """Unit image vectors `(n, size)` of RGB photos."""
        return self.encode_prepared([self.prepare(photo) for photo in photos])

    def encode_texts(self, texts: Sequence[str], *, batch: int = 64) -> Floats:
        """Unit text vectors `(n, size)`; texts of like length share a batch, order is kept."""
        if not texts:
            return np.zeros((0, getattr(self, "size", 0)), dtype=np.float32)
        torch = self._torch
        with self._tokenizing:  # tokenizers keep their padding state on the object
            tokens = self.tokenizer(list(texts))
        order = torch.argsort((tokens != 0).sum(dim=1)).tolist()
        rows: list[Floats] = []
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                chunk = tokens[order[start : start + batch]].to(self.device)
                rows.append(self._encode_text(self.model, chunk).float().cpu().numpy())
        out = np.empty((len(order), rows[0].shape[1]), dtype=np.float32)
        out[order] = np.concatenate(rows)
        return out


def load_clip(name: str, device: str = "auto") -> Clip:
    """Load a shipped name, a folder, `hf-hub:owner/model`, or `architecture/pretrained`.

    Errors: `EncoderError` for an unknown name (with the nearest), a folder that is no open_clip
    model, weights that cannot be downloaded.
    """
    import open_clip

    known, pretrained = _open_clip_name(name)
    quiet = logging.getLogger()
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # open_clip logs to the root logger
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(known, pretrained=pretrained)
        tokenizer = open_clip.get_tokenizer(known)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise EncoderError(f"cannot load the model {name!r}: {error}") from error
    finally:
        quiet.setLevel(level)
    return Clip(name, model, preprocess, tokenizer, pick_device(device))


def clip_fingerprint(name: str) -> tuple[str, int]:
    """Fingerprint and vector size of a model, without loading it where it is a folder."""
    folder = model_folder(name)
    if folder is None:
        clip = load_clip(name, "cpu")
        return _state_fingerprint(clip), clip.size
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in FINGERPRINTED and file.name not in ("recipe.json", "history.json"):
            digest.update(file.name.encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    return digest.hexdigest()[:16], int(config["model_cfg"]["embed_dim"])


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/open_clip_config.json"))


def model_folder(name: str) -> Path | None:
    """The folder a name stands for: a shipped model or a path; None for names open_clip resolves."""
    if name in shipped_models():
        return SHIPPED / name
    folder = Path(name.removeprefix("local-dir:")).expanduser()
    if not folder.is_dir():
        return None
    if not (folder / "open_clip_config.json").is_file():
        raise EncoderError(f"{folder} is a folder but holds no open_clip_config.json; is it a CLIP model?")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise EncoderError(f"{folder} holds no weights (*.safetensors); the training run may not be exported")
    return folder


def pick_device(device: str) -> str:
    """`auto` becomes cuda where there is one, else cpu."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise EncoderError(f"device is {device!r} but no GPU can be used here; set device=cpu")
    return device


def _open_clip_name(name: str) -> tuple[str, str | None]:
    import open_clip

    folder = model_folder(name)
    if folder is not None:
        return f"local-dir:{folder}", None
    if name.startswith("hf-hub:"):
        return name, None
    architecture, _, pretrained = name.partition("/")
    if architecture not in open_clip.list_models():
        shipped = shipped_models()
        near = get_close_matches(architecture, [*open_clip.list_models(), *shipped], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "."
        raise EncoderError(
            f"no model named {name!r}{hint} Give a shipped name ({', '.join(shipped)}), a folder, "
            "hf-hub:owner/model, or architecture/pretrained such as ViT-B-32/laion2b_s34b_b79k"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if pretrained not in tags:
        raise EncoderError(
            f"{architecture} needs pretrained weights after a slash; known: {', '.join(tags) or 'none'}"
        )
    return architecture, pretrained


def _state_fingerprint(clip: Clip) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(clip.model.state_dict().items()):
        digest.update(f"{key}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    config = getattr(clip.model.visual, "preprocess_cfg", {})
    digest.update(json.dumps(asdict(config) if is_dataclass(config) else dict(config), default=str).encode())
    return digest.hexdigest()[:16]
