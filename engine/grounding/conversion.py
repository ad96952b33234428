"""An original checkpoint converted to a folder for transformers, without code or groundingdino-py.

Law (tests/contract/test_grounders.py): both give the same boxes and scores.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer, GroundingDinoConfig, GroundingDinoImageProcessor

from vlclip.engine.disk import whole_folder
from vlclip.engine.encoding.model_files import check_target
from vlclip.engine.grounding.folders import config_and_weights
from vlclip.engine.grounding.original import read_config, read_weights
from vlclip.engine.grounding.transformers import quiet_transformers

SWIN = {
    "swin_T_224_1k": (96, [2, 2, 6, 2], [3, 6, 12, 24], 7),
    "swin_B_224_22k": (128, [2, 2, 18, 2], [4, 8, 16, 32], 7),
    "swin_B_384_22k": (128, [2, 2, 18, 2], [4, 8, 16, 32], 12),
    "swin_L_224_22k": (192, [2, 2, 18, 2], [6, 12, 24, 48], 7),
    "swin_L_384_22k": (192, [2, 2, 18, 2], [6, 12, 24, 48], 12),
}
"""Width, blocks per stage, heads per stage, window, by the authors' names."""

RENAMED = [
    (r"^backbone\.0\.patch_embed\.proj", r"backbone.0.embeddings.patch_embeddings.projection"),
    (r"^backbone\.0\.patch_embed\.norm", r"backbone.0.embeddings.norm"),
    (r"^backbone\.0\.layers", r"backbone.0.encoder.layers"),
    (r"(blocks\.\d+\.)norm1", r"\1layernorm_before"),
    (r"(blocks\.\d+\.)norm2", r"\1layernorm_after"),
    (r"(blocks\.\d+\.)mlp\.fc1", r"\1intermediate.dense"),
    (r"(blocks\.\d+\.)mlp\.fc2", r"\1output.dense"),
    (r"(blocks\.\d+\.)attn\.proj", r"\1attention.output.dense"),
    (r"(blocks\.\d+\.)attn\.", r"\1attention.self."),
    (r"^backbone\.0\.norm1", r"backbone.0.hidden_states_norms.stage2"),
    (r"^backbone\.0\.norm2", r"backbone.0.hidden_states_norms.stage3"),
    (r"^backbone\.0\.norm3", r"backbone.0.hidden_states_norms.stage4"),
    (r"^backbone\.0", r"model.backbone.conv_encoder.model"),
    (r"^input_proj", r"model.input_proj_vision"),
    (r"^bert", r"model.text_backbone"),
    (r"^feat_map", r"model.text_projection"),
    (r"^(transformer\.encoder\.layers\.\d+)\.norm1", r"\1.self_attn_layer_norm"),
    (r"^(transformer\.encoder\.layers\.\d+)\.norm2", r"\1.final_layer_norm"),
    (r"^transformer\.encoder\.layers\.(\d+)", r"model.encoder.layers.\1.deformable_layer"),
    (r"^(transformer\.encoder\.text_layers\.\d+)\.norm1", r"\1.layer_norm_before"),
    (r"^(transformer\.encoder\.text_layers\.\d+)\.norm2", r"\1.layer_norm_after"),
    (r"^transformer\.encoder\.text_layers\.(\d+)", r"model.encoder.layers.\1.text_enhancer_layer"),
    (r"^transformer\.encoder\.fusion_layers\.(\d+)", r"model.encoder.layers.\1.fusion_layer"),
    (r"(fusion_layer\.)gamma_v", r"\1vision_param"),
    (r"(fusion_layer\.)gamma_l", r"\1text_param"),
    (r"(fusion_layer\.layer_norm_)v", r"\1vision"),
    (r"(fusion_layer\.layer_norm_)l", r"\1text"),
    (r"(fusion_layer\.attn\.(?:\w+_)?)v_proj", r"\1vision_proj"),
    (r"(fusion_layer\.attn\.(?:\w+_)?)l_proj", r"\1text_proj"),
    (r"^(transformer\.decoder\.layers\.\d+)\.norm1", r"\1.encoder_attn_layer_norm"),
    (r"^(transformer\.decoder\.layers\.\d+)\.norm2", r"\1.self_attn_layer_norm"),
    (r"^(transformer\.decoder\.layers\.\d+)\.norm3", r"\1.final_layer_norm"),
    (r"^(transformer\.decoder\.layers\.\d+)\.catext_norm", r"\1.encoder_attn_text_layer_norm"),
    (r"^(transformer\.decoder\.layers\.\d+)\.ca_text", r"\1.encoder_attn_text"),
    (r"^(transformer\.decoder\.layers\.\d+)\.cross_attn", r"\1.encoder_attn"),
    (r"^transformer\.decoder\.norm", r"model.decoder.layer_norm"),
    (r"^transformer\.decoder\.ref_point_head", r"model.decoder.reference_points_head"),
    (r"^transformer\.tgt_embed", r"model.query_position_embeddings"),
    (r"^transformer\.enc_out_bbox_embed", r"model.encoder_output_bbox_embed"),
    (r"^transformer\.", r"model."),
    (r"\.linear([12])\.", r".fc\1."),
]  # fmt: skip
"""The authors' names to transformers', applied one after the other."""

UNUSED = ("bert.pooler.", "bert.embeddings.position_ids", "label_enc.")
"""What checkpoints hold and no box depends on."""


def convert(folder: Path, target: Path) -> None:
    """Write the original checkpoint in `folder` as a folder `target` that transformers loads.

    Errors: `EncoderError` where `folder` holds no original checkpoint, or `target` is not empty.
    """
    config_file, weights = config_and_weights(folder)
    config = read_config(config_file)
    check_target(target)
    with whole_folder(target) as written:
        with quiet_transformers():
            converted_config(config).save_pretrained(written)
            AutoTokenizer.from_pretrained(config.text_encoder_type).save_pretrained(written)
            GroundingDinoImageProcessor().save_pretrained(written)
        state = converted_weights(read_weights(weights))
        save_file(state, written / "model.safetensors", {"format": "pt"})


def converted_config(config: Any) -> GroundingDinoConfig:
    """The configuration of transformers for one of groundingdino-py."""
    width, depths, heads, window = SWIN[config.backbone]
    return GroundingDinoConfig(
        architectures=["GroundingDinoForObjectDetection"],
        backbone_config={
            "model_type": "swin",
            "image_size": int(config.backbone.split("_")[2]),
            "embed_dim": width,
            "depths": depths,
            "num_heads": heads,
            "window_size": window,
            "out_indices": [index + 1 for index in config.return_interm_indices],
        },
        text_config=AutoConfig.from_pretrained(config.text_encoder_type).to_dict(),
        num_queries=config.num_queries,
        d_model=config.hidden_dim,
        encoder_layers=config.enc_layers,
        decoder_layers=config.dec_layers,
        encoder_ffn_dim=config.dim_feedforward,
        decoder_ffn_dim=config.dim_feedforward,
        encoder_attention_heads=config.nheads,
        decoder_attention_heads=config.nheads,
        num_feature_levels=config.num_feature_levels,
        encoder_n_points=config.enc_n_points,
        decoder_n_points=config.dec_n_points,
        activation_function=config.transformer_activation,
        two_stage=config.two_stage_type == "standard",
        embedding_init_target=config.embed_init_tgt,
        decoder_bbox_embed_share=config.dec_pred_bbox_embed_share,
        two_stage_bbox_embed_share=config.two_stage_bbox_embed_share,
        positional_embedding_temperature=config.pe_temperatureH,
    )


def converted_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors by transformers' names; queries, keys and values, one tensor there, are three here."""
    converted = {}
    for name, tensor in state.items():
        if name.startswith(UNUSED) or "relative_position_index" in name:
            continue
        renamed = name
        for old, new in RENAMED:
            renamed = re.sub(old, new, renamed)
        joint = re.fullmatch(r"(.*)(?:qkv\.|in_proj_)(weight|bias)", renamed)
        if joint is None:
            converted[renamed] = tensor.clone()  # shared tensors cannot be saved as such
            continue
        for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            converted[f"{joint[1]}{part}.{joint[2]}"] = piece.contiguous()
    return converted
