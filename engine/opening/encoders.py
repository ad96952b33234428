"""The encoders of a store, loaded again by name.

A store remembers its language and the encoders that made its vectors, so queries need no model setting:
the same encoders are loaded again by name. They are refused if their fingerprint is another one now.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vlclip.engine.encoding.lookup import Lookup, load_lookups
from vlclip.engine.machine import resident_bytes
from vlclip.engine.opening.stores import home, shelf
from vlclip.engine.settings import EngineSettings, StoreSettings
from vlclip.engine.store.store import StoreInfo, check_fingerprint

if TYPE_CHECKING:
    from vlclip.engine.encoding.embedder import SegmentEmbedder


def lookup_folder(settings: StoreSettings) -> Path:
    """The folder of the lookups of a store; each lookup has a folder in it."""
    return home(settings) / "lookups"


def current_lookups(settings: StoreSettings) -> dict[str, Lookup]:
    """The lookups of the store as it is now; a further ingest fills their segments as well."""
    with closing(shelf(settings.store, settings)) as place:
        name = place.current()
        info = place.info(name) if name is not None else None
    return load_lookups(info, lookup_folder(settings)) if info is not None else {}


class Encoders:
    """The encoder of a store, loaded once, at the first query that needs it.

    `threads` are those of one batch; unset: all processors.
    """

    def __init__(self, settings: EngineSettings, info: StoreInfo, threads: int | None = None) -> None:
        chosen = settings.model_fields_set
        self.settings = settings.model_copy(
            update={
                "clip": settings.clip if "clip" in chosen else info.encoders["image"],
                "text_encoder": (
                    settings.text_encoder if "text_encoder" in chosen else info.encoders["text"]
                ),
                "language": settings.language if "language" in chosen else info.language,
            }
        )
        self._info = info
        self._threads = threads
        self.model_bytes = 0
        """Memory that loading the models took."""
        self._lookups = load_lookups(info, lookup_folder(settings))
        self._loaded: SegmentEmbedder | None = None
        self._loading = threading.Lock()

    def check(self) -> None:
        """`FingerprintMismatch` if the encoders are not those that made the store's vectors."""
        from vlclip.engine.encoding.embedder import embedder_info  # noqa: PLC0415 - lists about items need none

        loaded = embedder_info(self.settings, self._lookups)
        check_fingerprint(self._info, loaded, self.settings.store)

    def load(self) -> SegmentEmbedder:
        """The embedder, checked against the store."""
        from vlclip.engine.encoding.embedder import load_embedder  # noqa: PLC0415 - as in `check`

        with self._loading:
            if self._loaded is None:
                self.check()
                before = resident_bytes()
                self._loaded = load_embedder(self.settings, self._lookups, self._threads)
                self.model_bytes = max(0, resident_bytes() - before)
            return self._loaded

    @property
    def runtime(self) -> str:
        """The library that runs the loaded CLIP; empty before it is loaded."""
        return "" if self._loaded is None else self._loaded.clip.runtime
