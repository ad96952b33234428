"""`vlclip export-model`: any CLIP as a folder that ONNX Runtime runs without PyTorch.

Laws (tests/engine/encoding/test_export.py):
- the folder's model has the fingerprint of the one it was made from, until a file of it changes;
- ids of texts equal those of open_clip's own tokenizer, for letters that Unicode has had for some years;
- what cannot be exported leaves no folder behind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

from vlclip.engine.disk import draft_of, whole_folder
from vlclip.engine.encoding.clip import fingerprint_of, load_clip, save_clip
from vlclip.engine.encoding.graphs import write_graphs
from vlclip.engine.encoding.model_files import ORIGIN, check_target, files_hash
from vlclip.engine.encoding.tokenizing import FILE
from vlclip.engine.errors import EncoderError

WORD = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""What CLIP's own tokenizer takes as a word."""
ENDING = "</w>"


def export_model(name: str, folder: Path) -> None:
    """Write the model `name` into a new folder: weights, graphs, tokenizer, preprocessing, fingerprint.

    Errors: `EncoderError` for a folder that is not empty, a model that cannot be loaded or exported.
    """
    check_target(folder)
    clip = load_clip(name, "cpu")
    with whole_folder(folder) as written:
        save_clip(clip, written)
        write_tokenizer(clip.tokenizer, written)
        if not (written / FILE).is_file():
            raise EncoderError(
                f"the tokenizer of {name!r} cannot be written as {FILE}; use it with runtime=torch"
            )
        write_graphs(clip, written)
        origin = {"model": name, "fingerprint": fingerprint_of(clip), "files": files_hash(written.iterdir())}
        (written / ORIGIN).write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        for file in written.iterdir():
            file.chmod(0o644)  # safetensors writes for its owner alone, and replicas may run as others


def write_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write open_clip's own tokenizer into a model's folder; those of Hugging Face write themselves."""
    if not hasattr(tokenizer, "save_pretrained"):
        with draft_of(folder / FILE) as draft:
            _words(tokenizer).save(str(draft))


def _words(tokenizer: Any) -> Tokenizer:
    """open_clip's own tokenizer as one of the `tokenizers` library."""
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    words = Tokenizer(models.BPE(vocab=tokenizer.encoder, merges=merges, end_of_word_suffix=ENDING))
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    start, end = "<start_of_text>", "<end_of_text>"
    words.add_special_tokens([start, end])
    words.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(token, tokenizer.encoder[token]) for token in (start, end)],
    )
    words.decoder = decoders.ByteLevel()
    return words
