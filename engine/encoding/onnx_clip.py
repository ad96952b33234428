"""CLIP through ONNX Runtime: the vectors of `Clip`, without PyTorch, for half the processor time.

Laws (tests/engine/encoding/test_onnx_clip.py):
- vectors of photos and texts equal PyTorch's to 1e-5, whatever the others of a batch are;
- nothing here imports torch, open_clip or transformers;
- texts alone open no graph of photos.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.encoding.model_files import CONFIG, WEIGHTS
from vlclip.engine.encoding.onnx_files import open_graph
from vlclip.engine.encoding.packing import packs
from vlclip.engine.encoding.portions import portions
from vlclip.engine.encoding.preprocessing import Preprocessing
from vlclip.engine.encoding.tokenizing import Words
from vlclip.engine.errors import EncoderError
from vlclip.engine.space import Floats

IMAGE_GRAPH, TEXT_GRAPH = "image.onnx", "text.onnx"
END = "vlclip.end"
"""Metadata of a text graph: the id of the end token, or `argmax` where that has the highest id of all.

Without it the graph takes whole texts, not packs.
"""
ARGMAX = "argmax"
PADDING = "vlclip.padding"
"""Metadata of a text graph: the id that fills up short texts."""
BATCH = 64
"""Most texts of a batch where they cannot be packed."""


def has_graphs(folder: Path) -> bool:
    """Whether a model can be run by ONNX Runtime."""
    return (folder / IMAGE_GRAPH).is_file() and (folder / TEXT_GRAPH).is_file()


class OnnxClip:
    """A CLIP in a folder with graphs, on the CPU; safe to use from several threads.

    `threads` are those of one operator. Errors: `EncoderError` for files that do not belong together; for
    those of photos at the first photo.
    """

    device = "cpu"
    runtime = "onnx"

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        self.name = name
        weights = folder / WEIGHTS
        self._open_images = partial(open_graph, folder / IMAGE_GRAPH, weights, threads)
        self._opening, self._opened = threading.Lock(), None
        self._texts = open_graph(folder / TEXT_GRAPH, weights, threads)
        notes = self._texts.get_modelmeta().custom_metadata_map
        self._end = notes.get(END)
        self.size = int(self._texts.get_outputs()[0].shape[1])
        config = _config(folder)
        try:
            self.preprocess = Preprocessing.of(config["preprocess_cfg"])
            self._words = Words(folder, config["model_cfg"]["text_cfg"], int(notes.get(PADDING, 0)))
        except (ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"{folder / CONFIG} cannot be used without PyTorch: {error}") from error
        except Exception as error:  # tokenizers raises nothing more special
            raise EncoderError(f"cannot read the tokenizer in {folder}: {error}") from error

    @property
    def _images(self) -> Any:
        """The photo tower, from the first photo on: it takes four times the memory of the other."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open_images()
            return self._opened

    def prepare(self, photo: Image.Image) -> Floats:
        """open_clip's preprocessing of one RGB photo: `(3, height, width)` float32."""
        return self.preprocess(photo)

    def encode_prepared(self, photos: Sequence[Floats]) -> Floats:
        """Unit image vectors `(n, size)` of photos that `prepare` made."""
        if not photos:
            return np.zeros((0, self.size), dtype=np.float32)
        parts = [self._images.run(None, {"photos": np.stack(part)})[0] for part in portions(photos)]
        return np.concatenate(parts)

    def encode_images(self, photos: Sequence[Image.Image]) -> Floats:
        """Unit image vectors `(n, size)` of RGB photos."""
        return self.encode_prepared([self.prepare(photo) for photo in photos])

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Unit text vectors `(n, size)`; texts of like length share a pack, order is kept."""
        out = np.zeros((len(texts), self.size), dtype=np.float32)
        if not texts:
            return out
        tokens = self._words.ids(texts)
        if self._end is None:
            for start in range(0, len(texts), BATCH):
                rows = slice(start, start + BATCH)
                out[rows] = self._texts.run(None, {"tokens": tokens[rows]})[0]
            return out
        ends = self._ends(tokens)
        order = np.argsort(ends, kind="stable")
        features = [self._texts.run(None, pack._asdict())[0] for pack in packs(tokens[order], ends[order])]
        out[order] = np.concatenate(features)
        return out

    def reading(self, text: str) -> str:
        """The text as the tokenizer reads it: texts of one reading have the same vectors."""
        return self._words.reading(text)

    def _ends(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each text ends `(n,)`."""
        marks = tokens if self._end == ARGMAX else tokens == int(self._end)
        ends: NDArray[np.int64] = marks.argmax(-1)
        return ends


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config: Mapping[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{folder / CONFIG} cannot be read: {error}") from error
    return config
