"""Detectors of transformers of every kind, tiny and with random weights, as folders and as backbones."""

from pathlib import Path
from typing import Any

import torch

CHANNELS = {
    "hidden_sizes": [8, 16, 16, 16],
    "depths": [1] * 4,
    "out_features": ["stage2", "stage3", "stage4"],
}
HGNET = CHANNELS | {
    "embedding_size": 8, "stem_channels": [3, 4, 8], "stage_in_channels": [8, 8, 16, 16],
    "stage_mid_channels": [4, 4, 8, 8], "stage_out_channels": [8, 16, 16, 16], "stage_num_blocks": [1] * 4,
    "stage_downsample": [False, True, True, True], "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3] * 4, "stage_numb_of_layers": [1] * 4,
}  # fmt: skip
HYBRID = {
    "encoder_hidden_dim": 16, "encoder_in_channels": [16] * 3, "encoder_layers": 1, "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2, "d_model": 16, "num_queries": 12, "decoder_in_channels": [16] * 3,
    "decoder_ffn_dim": 16, "decoder_layers": 2, "decoder_attention_heads": 2, "num_denoising": 4,
    "hidden_expansion": 0.5,
}  # fmt: skip
GROUPS = {
    "d_model": 16, "num_queries": 12, "group_detr": 2, "decoder_layers": 2, "decoder_ffn_dim": 16,
    "decoder_self_attention_heads": 2, "decoder_cross_attention_heads": 2,
}  # fmt: skip
VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
}  # fmt: skip
KINDS = {
    "d_fine": ("DFine", "HGNetV2Config", HGNET, HYBRID | {"decoder_n_points": [2, 2, 2]}),
    "deimv2": ("Deimv2", "HGNetV2Config", HGNET, HYBRID | {"decoder_n_points": [2, 2, 2]}),
    "rt_detr_v2": (
        "RTDetrV2", "RTDetrResNetConfig", CHANNELS | {"embedding_size": 8, "layer_type": "basic"}, HYBRID,
    ),
    "lw_detr": (
        "LwDetr", "LwDetrViTConfig",
        VIT
        | {"window_block_indices": [0], "out_indices": [0, 1], "num_windows": 4, "pretrain_image_size": 64},
        GROUPS | {"projector_scale_factors": [1.0]},
    ),
    "rf_detr": ("RfDetr", "RfDetrDinov2Config", VIT | {"num_windows": 2, "out_indices": [1, 2]}, GROUPS),
}  # fmt: skip
"""Model type: beginning of its classes, configuration of its backbone with values, and its own values."""
SIDE = 64


def network(kind: str, classes: int = 5) -> Any:
    """The network as transformers has it."""
    import transformers

    name, trunk, inner, values = KINDS[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        backbone_config=getattr(transformers, trunk)(**inner), num_labels=classes, **values
    )
    made = getattr(transformers, f"{name}ForObjectDetection")(config).float().eval()
    for module in made.modules():
        if isinstance(module, torch.nn.Conv2d):
            # Their own beginnings are so small that nothing of a gradient comes through.
            torch.nn.init.kaiming_normal_(module.weight)
    return made


def write(folder: Path, kind: str) -> Path:
    """A folder as the hub has it."""
    network(kind).save_pretrained(folder)
    given = f'{{"size": {{"height": {SIDE}, "width": {SIDE}}}, "do_normalize": false}}'
    (folder / "preprocessor_config.json").write_text(given, "utf-8")
    return folder
