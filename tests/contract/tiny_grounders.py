"""Grounding DINOs of a few hundred thousand random numbers, in the files of both libraries.

Real architectures, loaded by the real code; random weights prove plumbing, not quality.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ["red", "shoe", "dress", "hand", "##bag", "t", "-", "shirt", "&", "top", "鞋", "##s"]


def write_tokenizer(folder: Path) -> int:
    """A BERT tokenizer of a few words whose special tokens have BERT's own numbers; its size."""
    from transformers import BertTokenizer

    words = [f"[unused{number}]" for number in range(1030)] + WORDS
    for number, word in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}.items():
        words[number] = word
    words[1012], words[1029] = ".", "?"
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    return len(words)


def bert_config(vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "bert", "vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 260,
    }  # fmt: skip


def shake(model: Any, seed: int) -> None:
    """Random numbers everywhere, and scores well inside 0 to 1: fresh models leave boxes at their anchors."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() < 2 or "bbox_embed" in name or "sampling_offsets" in name:
                tensor.add_(torch.randn_like(tensor) * 0.1)
            if "decoder.norm" in name or "decoder.layer_norm" in name:
                tensor.mul_(0.1)


def make_tiny_transformers(folder: Path, seed: int = 0, kind: str = "grounding-dino") -> Path:
    """A folder as transformers saves it, with a small Swin."""
    import torch
    from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, GroundingDinoImageProcessor

    from vlclip.engine.grounding.transformers import quiet_transformers

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_tokenizer(folder)
    config = AutoConfig.for_model(
        kind, d_model=64, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=20,
        text_config=bert_config(vocabulary),
        backbone_config={
            "model_type": "swin", "image_size": 64, "embed_dim": 16, "depths": [1, 1, 1, 1],
            "num_heads": [1, 2, 2, 2], "window_size": 4, "out_indices": [2, 3, 4],
        },
    )  # fmt: skip
    torch.manual_seed(seed)  # the model's own first numbers are drawn too
    with quiet_transformers():
        model = AutoModelForZeroShotObjectDetection.from_config(config)
        shake(model, seed)
        model.save_pretrained(folder)
    GroundingDinoImageProcessor().save_pretrained(folder)
    return folder


ORIGINAL_CONFIG = {
    "modelname": "groundingdino", "backbone": "swin_T_224_1k", "position_embedding": "sine",
    "pe_temperatureH": 20, "pe_temperatureW": 20, "return_interm_indices": [1, 2, 3],
    "backbone_freeze_keywords": None, "enc_layers": 1, "dec_layers": 2, "pre_norm": False,
    "dim_feedforward": 64, "hidden_dim": 256, "dropout": 0.0, "nheads": 8, "num_queries": 20,
    "query_dim": 4, "num_patterns": 0, "num_feature_levels": 4, "enc_n_points": 4, "dec_n_points": 4,
    "two_stage_type": "standard", "two_stage_bbox_embed_share": False, "two_stage_class_embed_share": False,
    "transformer_activation": "relu", "dec_pred_bbox_embed_share": True, "dn_box_noise_scale": 1.0,
    "dn_label_noise_ratio": 0.5, "embed_init_tgt": True, "dn_labelbook_size": 2000, "max_text_len": 256,
    "text_encoder_type": "bert", "use_text_enhancer": True, "use_fusion_layer": True,
    "use_checkpoint": True, "use_transformer_ckpt": True, "use_text_cross_attention": True,
    "text_dropout": 0.0, "fusion_dropout": 0.0, "fusion_droppath": 0.1, "sub_sentence_present": True,
}  # fmt: skip


def make_tiny_original(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A folder with a configuration, a checkpoint and a text encoder, as groundingdino-py reads them."""
    import torch
    from transformers import BertConfig, BertModel

    from vlclip.engine.grounding.original import build_original
    from vlclip.engine.grounding.transformers import quiet_transformers

    bert = folder / "bert"
    bert.mkdir(parents=True, exist_ok=True)
    options = bert_config(write_tokenizer(bert))
    torch.manual_seed(seed)
    with quiet_transformers():
        BertModel(BertConfig(**options)).save_pretrained(bert)
    lines = [f"{key} = {value!r}" for key, value in (ORIGINAL_CONFIG | changes).items()]
    (folder / "config.py").write_text("\n".join(lines), encoding="utf-8")
    torch.manual_seed(seed)
    model = build_original(folder / "config.py")
    shake(model, seed)
    torch.save({"model": model.state_dict()}, folder / "weights.pth")
    return folder
