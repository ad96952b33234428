"""What is damaged in a running shop: noticed as it starts, told by `/readyz`, the metrics and the log.

The number of items is compared with the roll of the collection, and a sample of items with their checksums,
for at most `SAMPLE_S` seconds in a thread of its own. `vlclip doctor --deep` compares all of them.

Laws (tests/service/shop/test_damage.py):
- fewer items than were written, and an item of the sample that is not what was written, are told;
- a shop without damage tells nothing.
"""

from __future__ import annotations

import logging
import random
import threading
import time

from vlclip.engine.errors import VlclipError
from vlclip.engine.store.qdrant import QdrantStore

log = logging.getLogger("vlclip.api")
SAMPLE_S, SAMPLE_ITEMS, PART = 2.0, 1000, 20
"""How long a sample takes at most, of how many items, and how many are read at once."""
PAUSE_S = 0.02
"""Between two parts, for requests: reading vectors keeps Python's lock."""
REMEDY = "vlclip doctor --deep names it, vlclip repair CATALOGUE mends it"


class StoreSample:
    """Looks at a store once, in the background."""

    def __init__(self, store: QdrantStore) -> None:
        self._store = store
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.damage = self._of_files()
        """What is wrong with the store; "" while nothing is known to be."""

    def start(self) -> None:
        """Begin; once is enough."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-sample", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until it is done."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop it where it is."""
        self._stopped.set()
        self.wait()

    def _of_files(self) -> str:
        files = self._store.file_differences
        return f"files of the store are damaged ({'; '.join(files[:3])}); {REMEDY}" if files else ""

    def _run(self) -> None:
        try:
            says = self._look()
        except VlclipError as error:
            says = f"a sample of the store's items cannot be read ({error}); {REMEDY}"
        if says:
            self.damage = says
            log.error("the store is damaged: %s", says)

    def _look(self) -> str:
        expected = self._store.written_ids()
        if expected is None:
            return ""
        count = self._store.count()
        if count < len(expected) and (count := self._store.count()) < len(self._store.written_ids() or ()):
            missing = f"{len(expected) - count:,} of {len(expected):,}"
            return f"{missing} items that were written are missing; {REMEDY}"
        ids = random.sample(sorted(expected.values()), min(SAMPLE_ITEMS, len(expected)))
        until = time.monotonic() + SAMPLE_S
        for start in range(0, len(ids), PART):
            if self._stopped.wait(PAUSE_S) or time.monotonic() > until:
                break
            for verdicts in self._store.examine(ids[start : start + PART]):
                if names := [verdict.id or verdict.uuid for verdict in verdicts if verdict.is_damaged]:
                    return f"items are not what was written, among them {', '.join(names[:5])}; {REMEDY}"
        return ""
