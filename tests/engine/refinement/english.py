"""The vocabulary that most tests of refinement use."""

from __future__ import annotations

from vlclip.engine.refinement.words import load_vocabulary

ENGLISH = load_vocabulary("english")
