"""Grounders as folders of files: where they lie and what they are called, without loading a model.

off                                     no grounding
vlclip-grounder                         a model that comes with the package
IDEA-Research/grounding-dino-tiny       from the Hugging Face hub, once, then from its cache
path/to/folder                          a folder in transformers' format
original:path/to/folder                 an original checkpoint: one config .py, one .pth
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from vlclip.engine.encoding.model_files import SHIPPED, files_hash
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.preprocessing import is_prepared_here
from vlclip.engine.grounding.rule import Rule
from vlclip.engine.settings import Grounding

OFF = "off"
ORIGINAL = "original:"
MODEL_TYPES = ("grounding-dino", "mm-grounding-dino")
HUB_NAMES = ("IDEA-Research/grounding-dino-tiny", "IDEA-Research/grounding-dino-base")
THRESHOLD = 0.35
"""Of scores, where neither the settings nor the model give one; Grounding DINO's own demo uses it."""
OWN_RULE = "rule.json"
"""Beside a model's weights: `{"threshold": 0.2}`, for scores that are not on the scale of others'."""
RESIZED = "by Pillow"
"""How photos are resized. transformers' own resize gives other pixels, and so other boxes, than this one."""
HUB_FILES = ["*.json", "*.txt", "*.safetensors"]
"""Files to fetch from the hub: no pickles, no code."""


@dataclass(frozen=True, slots=True)
class GrounderFolder:
    """A grounder's files; `name` is the one that people use and holds no path of this machine."""

    backend: Literal["transformers", "original"]
    name: str
    path: Path


def shipped_grounders() -> list[str]:
    """Names of the grounders that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json") if _model_type(path.parent))


def is_grounder(model: str) -> bool:
    """Whether a name that may be a CLIP's is a grounder's, from its files or as one that is known."""
    by_name = model in (*shipped_grounders(), *HUB_NAMES) or model.startswith(ORIGINAL)
    return by_name or _model_type(Path(model).expanduser()) is not None


def find_grounder(model: str) -> GrounderFolder | None:
    """The files that `model` stands for; None for "off".

    Errors: `EncoderError` for an unknown name (with the nearest), a folder that holds no Grounding DINO,
    a model that cannot be downloaded.
    """
    if model == OFF:
        return None
    if model.startswith(ORIGINAL):
        return _original(Path(model.removeprefix(ORIGINAL)).expanduser())
    if model in shipped_grounders():
        return GrounderFolder("transformers", model, SHIPPED / model)
    path = Path(model).expanduser()
    if path.is_dir():
        _check(path)
        return GrounderFolder("transformers", path.resolve().name, path)
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return GrounderFolder("transformers", model, _from_hub(model))
    names = [OFF, *shipped_grounders(), *HUB_NAMES]
    near = get_close_matches(model, names, n=3)
    hint = f"did you mean {', '.join(near)}? " if near else ""
    raise EncoderError(
        f"no grounder named {model!r}; {hint}Give {', '.join(names)}, a folder, or {ORIGINAL}FOLDER"
    )


def grounder_name(settings: Grounding) -> str | None:
    """The `Grounder.name` of these settings, from the files alone; None for "off"."""
    files = find_grounder(settings.model)
    return None if files is None else name_of(files, settings.short_side)


def rule_from(settings: Grounding) -> Rule:
    """The rule these settings ask for, from the files alone."""
    threshold = settings.threshold
    if threshold is None:
        files = find_grounder(settings.model)
        threshold = THRESHOLD if files is None else _own_threshold(files.path)
    return Rule(threshold, settings.padding, settings.min_area)


def name_of(grounder: GrounderFolder, short_side: int | None) -> str:
    """Backend, name, a hash of the files and of how photos are resized, their size if not the model's own."""
    at_size = "" if short_side is None else f":{short_side}px"
    files = grounder.path.rglob("*") if grounder.backend == "original" else grounder.path.iterdir()
    mark = files_hash(files)
    if grounder.backend == "transformers" and is_prepared_here(grounder.path):
        mark = hashlib.sha256(f"{mark} {RESIZED}".encode()).hexdigest()
    return f"{grounder.backend}:{grounder.name}@{mark[:8]}{at_size}"


def config_and_weights(folder: Path) -> tuple[Path, Path]:
    """The configuration (.py) and the weights (.pth) of an original checkpoint."""
    configs, weights = sorted(folder.glob("*.py")), sorted(folder.glob("*.pth"))
    if len(configs) != 1 or len(weights) != 1:
        raise EncoderError(
            f"{folder} holds {len(configs)} .py and {len(weights)} .pth files; put one of each there: "
            "groundingdino's configuration and the checkpoint it belongs to"
        )
    return configs[0], weights[0]


def _original(path: Path) -> GrounderFolder:
    if not path.is_dir():
        raise EncoderError(
            f"{path} is not a folder; {ORIGINAL} takes a folder with one config .py and one .pth"
        )
    config_and_weights(path)
    return GrounderFolder("original", path.resolve().name, path)


def _check(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise EncoderError(
            f"{folder} holds no config.json, so it is not a model of transformers; "
            f"for an original checkpoint write {ORIGINAL}{folder}"
        )
    if _model_type(folder) is None:
        raise EncoderError(f"{folder} holds another model; its model_type must be {' or '.join(MODEL_TYPES)}")
    if not any(folder.glob("*.safetensors")):
        raise EncoderError(f"{folder} holds no weights (*.safetensors); save the model there again")


def _own_threshold(folder: Path) -> float:
    path = folder / OWN_RULE
    if not path.is_file():
        return THRESHOLD
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["threshold"])
    except (ValueError, KeyError, TypeError):
        raise EncoderError(f'{path} is not {{"threshold": NUMBER}}; correct it or delete it') from None


def _model_type(folder: Path) -> str | None:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None
    return kind if kind in MODEL_TYPES else None


def _from_hub(name: str) -> Path:
    """The folder in the hub's cache, which is enough for a run without network."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - half a second, for hub names only
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError  # noqa: PLC0415

    try:
        folder = Path(snapshot_download(name, allow_patterns=HUB_FILES, local_files_only=True))
        _check(folder)
    except (OSError, ValueError, EncoderError):
        try:
            folder = Path(snapshot_download(name, allow_patterns=HUB_FILES))
        except RepositoryNotFoundError:
            raise EncoderError(
                f"the Hugging Face hub has no model {name!r} that you may read; correct the name, or "
                f"set HF_TOKEN if it is private. Known to work: {', '.join(HUB_NAMES)}"
            ) from None
        except (OSError, ValueError, HfHubHTTPError) as error:
            reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            raise EncoderError(
                f"cannot fetch the grounder {name!r} from the Hugging Face hub ({reason}); download it where "
                "there is a network and give its folder"
            ) from None
        _check(folder)
    return folder
