"""A tokenizer with a small vocabulary: CLIP's table of 49,408 rows would be most of a small model.

The tokenizer is a byte-level BPE (no unknown characters, any script), lower-cased, in the files
transformers and open_clip load from a folder. Ids: 0 pad, 1 start, 2 end.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, START, END = "<pad>", "<start>", "<end>"


def train_tokenizer(texts: Iterable[str], vocab_size: int, folder: Path) -> int:
    """Learn a BPE from `texts` and save it to `folder`; gives the size it really has."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 1), (END, 2)]
    )
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=START, eos_token=END
    )
    wrapped.save_pretrained(folder)
    return tokenizer.get_vocab_size()
