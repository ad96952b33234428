"""Embedders: which encoder fills which segment of the fused space, for items and for queries.

- `image`: CLIP's image tower for items and photo queries, CLIP's text tower for text queries.
- `text`: CLIP's text tower by default, or a sentence-transformers encoder. A photo can query
  the text segment only in the first case, where both towers share one space.
- any further segment is looked up by the item's id (`vlclip.engine.encoding.lookup`); words and photos do
  not query it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.encoding.loading import ClipEncoder, load_encoder
from vlclip.engine.encoding.lookup import Lookup, with_lookup
from vlclip.engine.encoding.model_files import folder_fingerprint, model_folder
from vlclip.engine.errors import EncoderError
from vlclip.engine.extras import MODELS, needing
from vlclip.engine.language import DEFAULT, load_language
from vlclip.engine.refinement.agreement import keep_better
from vlclip.engine.settings import EncoderSettings
from vlclip.engine.space import Floats, FusedSpace, Segment, unit
from vlclip.engine.store import lexical
from vlclip.engine.store.store import StoreInfo

Lookups = Mapping[str, Lookup]
"""Lookups by the name of the segment they fill."""
NO_LOOKUPS: Lookups = {}
SAME = "clip"
"""The text encoder's name that stands for CLIP's own text tower."""


class QueryEmbedder(Protocol):
    """Turns queries into directions of a fused space; safe to use from several threads."""

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> dict[str, Floats]:
        """Query directions per segment, unit length, for `FusedSpace.query_vector`."""
        ...


class Embedder(QueryEmbedder, Protocol):
    """Turns items and queries into segments of one fused space; safe to use from several threads."""

    @property
    def info(self) -> StoreInfo:
        """Fingerprint, space and encoder names: what a store has to agree with."""
        ...

    def prepare(self, photo: Image.Image) -> Floats:
        """Resize and normalise one RGB photo: `(3, height, width)` float32, cheap to queue."""
        ...

    def embed_items(
        self, photos: Sequence[Floats | None], texts: Sequence[str], ids: Sequence[str] = ()
    ) -> Floats:
        """Fused vectors `(n, size)` of prepared photos and texts; None or "" leaves zeros.

        `ids` are the items' ids, for the segments that are looked up; without ids those stay zeros.
        """
        ...

    def embed_refined(
        self,
        photos: Sequence[Floats | None],
        raw: Sequence[str],
        refined: Sequence[str],
        ids: Sequence[str] = (),
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Fused vectors of photos and the better one of two texts; `(n,)` where the refined one stayed."""
        ...


class SegmentEmbedder:
    """The `Embedder` of this project: an image segment, a text segment, and those looked up by id."""

    def __init__(
        self, info: StoreInfo, clip: ClipEncoder, sentence: Any = None, lookups: Lookups = NO_LOOKUPS
    ) -> None:
        self.info = info
        self.clip = clip
        self._sentence = sentence
        self._lookups = lookups

    def prepare(self, photo: Image.Image) -> Floats:
        """CLIP's preprocessing of one RGB photo: `(3, height, width)` float32."""
        return self.clip.prepare(photo)

    def embed_items(
        self, photos: Sequence[Floats | None], texts: Sequence[str], ids: Sequence[str] = ()
    ) -> Floats:
        """Fused vectors `(n, size)`; a missing photo or text leaves its segment at zero."""
        segments = {"image": self._images(photos), "text": self._words(texts), **self._from_lookups(ids)}
        return self.info.space.item_vectors(segments, len(photos))

    def embed_refined(
        self,
        photos: Sequence[Floats | None],
        raw: Sequence[str],
        refined: Sequence[str],
        ids: Sequence[str] = (),
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Fused vectors of photos and, of two texts, the refined one unless the photo fits it less well.

        CLIP decides that, whatever encoder fills the text segment. `(n,)` says where the refined text
        stayed; of two equal texts it does.
        """
        images = self._images(photos)
        differ = [row for row in range(len(photos)) if raw[row] != refined[row]]
        stays = np.ones(len(photos), dtype=bool)
        if differ:
            raw_vectors, refined_vectors = (
                _encoded([texts[row] for row in differ], self.clip.size, self.clip.encode_texts)
                for texts in (raw, refined)
            )
            stays[differ] = keep_better(images[differ], raw_vectors, refined_vectors)
        texts = [new if wins else old for old, new, wins in zip(raw, refined, stays, strict=True)]
        segments = {"image": images, "text": self._words(texts), **self._from_lookups(ids)}
        return self.info.space.item_vectors(segments, len(photos)), stays

    def embed_query(self, *, text: str = "", photo: Image.Image | None = None) -> dict[str, Floats]:
        """Query directions: words and photo together query the image segment, words the text segment.

        With a photo alone, the image tower gives the direction of the text segment too, if that is CLIP's.
        """
        parts = self.embed_words([text])[0] if text.strip() else {}
        if photo is None:
            return parts
        direction = self.clip.encode_images([photo])[0]
        directions = [parts["image"], direction] if parts else [direction]
        if self._sentence is None:
            parts.setdefault("text", direction)
        return parts | {"image": unit(np.sum(directions, axis=0, keepdims=True))[0]}

    def embed_words(self, texts: Sequence[str]) -> list[dict[str, Floats]]:
        """`embed_query` of many texts at a time; none of them may be blank."""
        clip_vectors = self.clip.encode_texts(texts)
        own_vectors = clip_vectors if self._sentence is None else self._encode_texts(texts)
        return [{"text": own, "image": clip} for own, clip in zip(own_vectors, clip_vectors, strict=True)]

    def reading(self, text: str) -> str:
        """What the encoders read of a text: those of one reading have the same vectors."""
        return self.clip.reading(text) if self._sentence is None else text

    def _images(self, photos: Sequence[Floats | None]) -> Floats:
        rows = np.zeros((len(photos), self._size("image")), dtype=np.float32)
        present = [row for row, photo in enumerate(photos) if photo is not None]
        if present:
            rows[present] = self.clip.encode_prepared([p for p in photos if p is not None])
        return rows

    def _words(self, texts: Sequence[str]) -> Floats:
        return _encoded(texts, self._size("text"), self._encode_texts)

    def _from_lookups(self, ids: Sequence[str]) -> dict[str, Floats]:
        return {name: lookup.rows(ids) for name, lookup in self._lookups.items()} if ids else {}

    def _size(self, name: str) -> int:
        return next(segment.size for segment in self.info.space.segments if segment.name == name)

    def _encode_texts(self, texts: Sequence[str]) -> Floats:
        if self._sentence is None:
            return self.clip.encode_texts(texts)
        rows = self._sentence.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)
        return unit(rows)


def _encoded(texts: Sequence[str], size: int, encode: Callable[[Sequence[str]], Floats]) -> Floats:
    """Vectors of texts, zeros where there is none."""
    rows = np.zeros((len(texts), size), dtype=np.float32)
    worded = [row for row, text in enumerate(texts) if text.strip()]
    if worded:
        rows[worded] = encode([texts[row] for row in worded])
    return rows


@lru_cache(maxsize=8)
def describe(clip: str, text_encoder: str, language: str) -> StoreInfo:
    """The description of a store made with these encoders; reads files, loads no model from a folder.

    The fingerprint is of the encoders and of the language. `SettingsError` if there is no such language.
    """
    load_language(language)
    mark, size = _clip_fingerprint(clip)
    if text_encoder == SAME:
        text_mark, text_size = mark, size
    else:
        text_mark, text_size = _sentence_fingerprint(text_encoder)
    space = FusedSpace((Segment("image", size), Segment("text", text_size)))
    makers: list[list[Any]] = [["image", mark, size], ["text", text_mark, text_size]]
    if language != DEFAULT:  # which every store had before there were others
        makers.append(["words", lexical.reading(language)])
    fingerprint = hashlib.sha256(json.dumps(makers).encode()).hexdigest()[:16]
    return StoreInfo(fingerprint, space, {"image": clip, "text": text_encoder}, language)


def embedder_info(settings: EncoderSettings, lookups: Lookups = NO_LOOKUPS) -> StoreInfo:
    """`describe` for these settings, and a segment for every lookup."""
    info = describe(settings.clip, settings.text_encoder, settings.language)
    for segment, lookup in lookups.items():
        info = with_lookup(info, segment, lookup)
    return info


def load_embedder(
    settings: EncoderSettings, lookups: Lookups = NO_LOOKUPS, threads: int | None = None
) -> SegmentEmbedder:
    """Load the models these settings name; `threads` are those of one batch, unset: all processors."""
    info = embedder_info(settings, lookups)
    clip = load_encoder(settings.clip, settings.device, settings.runtime, threads)
    sentence = None
    if settings.text_encoder != SAME:
        sentence = _load_sentence(settings.text_encoder, pick_device(settings.device))
    return SegmentEmbedder(info, clip, sentence, lookups)


def _clip_fingerprint(name: str) -> tuple[str, int]:
    folder = model_folder(name)
    if folder is not None:
        return folder_fingerprint(folder)
    with needing(MODELS, f"the model {name!r}"):
        from vlclip.engine.encoding.clip import clip_fingerprint  # noqa: PLC0415 - loading torch takes seconds

    return clip_fingerprint(name)


@lru_cache(maxsize=1)  # describing a store and embedding for it need the same model
def _load_sentence(name: str, device: str) -> Any:
    with needing(MODELS, f"the text encoder {name!r}"):
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - an extra
    try:
        return SentenceTransformer(name, device=device)
    except (OSError, ValueError) as error:
        raise EncoderError(f"cannot load the text encoder {name!r}: {error}") from error


def _sentence_fingerprint(name: str) -> tuple[str, int]:
    model = _load_sentence(name, "cpu")
    digest = hashlib.sha256()
    folder = Path(name)
    if folder.is_dir():
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix in (".json", ".safetensors", ".bin", ".txt"):
                digest.update(str(file.relative_to(folder)).encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    else:
        for key, tensor in sorted(model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.cpu().float().numpy().tobytes())
    size = model.get_embedding_dimension()
    return digest.hexdigest()[:16], int(size or 0)
