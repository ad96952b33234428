"""CLIP models as folders: where they are and what they are, without loading one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from engine.errors import EncoderError

SHIPPED = Path(__file__).parent / "models"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
FINGERPRINTED = (".safetensors", ".bin", ".pt", ".pth", ".json", ".txt", ".model")
"""Files of a model folder that can change its vectors."""
NOTES = ("recipe.json", "history.json")
"""Files that only tell how the model came to be."""


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def model_folder(name: str) -> Path | None:
    """The folder a name stands for: a shipped model or a path; None for names open_clip resolves."""
    if name in shipped_models():
        return SHIPPED / name
    folder = Path(name.removeprefix("local-dir:")).expanduser()
    if not folder.is_dir():
        return None
    if not (folder / CONFIG).is_file():
        raise EncoderError(f"{folder} is a folder but holds no {CONFIG}; is it a CLIP model?")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise EncoderError(f"{folder} holds no weights (*.safetensors); export the training run first")
    return folder


def folder_fingerprint(folder: Path) -> tuple[str, int]:
    """Fingerprint and vector size of the model in a folder; the folder's own place does not count."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in FINGERPRINTED and file.name not in NOTES:
            digest.update(file.name.encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return digest.hexdigest()[:16], int(config["model_cfg"]["embed_dim"])
    except (ValueError, KeyError, TypeError):
        raise EncoderError(f"{folder / CONFIG} is not an open_clip configuration") from None
