"""CLIP models as folders: where they are and what they are, without loading one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from vlclip.engine.disk import why_not_replaced
from vlclip.engine.errors import EncoderError

SHIPPED = Path(__file__).parents[1] / "models"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
FINGERPRINTED = (".safetensors", ".bin", ".pt", ".pth", ".json", ".txt", ".model", ".py")
"""Files of a model folder that can change what it computes."""
ORIGIN = "origin.json"
"""In a folder that `export_model` wrote: the fingerprint of the model it was, and a hash of its own files."""
NOTES = ("recipe.json", "history.json", "rule.json", ORIGIN)
"""Files that only tell how the model came to be, or when to believe it."""

EXPORTED = r".*\.(json|txt|model|safetensors|onnx)"
"""Names of the files that an export writes."""


def check_target(folder: Path, *, replaces: bool = False) -> None:
    """`EncoderError` where no model may be written: an earlier one may be replaced, if that is said."""
    if why := why_not_replaced(folder, EXPORTED if replaces else ""):
        raise EncoderError(f"{folder} {why}")


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
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        own = files_hash(folder.iterdir())
        return _origin(folder, own) or own, int(config["model_cfg"]["embed_dim"])
    except (ValueError, KeyError, TypeError):
        raise EncoderError(f"{folder / CONFIG} is not an open_clip configuration") from None


def _origin(folder: Path, own: str) -> str:
    """The fingerprint of the model that a folder was exported from, as long as its files are as they were."""
    path = folder / ORIGIN
    if not path.is_file():
        return ""
    origin = json.loads(path.read_text(encoding="utf-8"))
    return str(origin["fingerprint"]) if origin["files"] == own else ""


def files_hash(files: Iterable[Path]) -> str:
    """16 characters from the names and contents of those files that can change what a model computes."""
    digest = hashlib.sha256()
    for file in sorted(files):
        if file.suffix in FINGERPRINTED and file.name not in NOTES:
            digest.update(file.name.encode())
            with file.open("rb") as opened:  # weights may be larger than memory
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]
