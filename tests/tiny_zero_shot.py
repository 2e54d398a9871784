"""OWLv2 and Grounding DINO, tiny and with random weights, with tokenizers made of a few words."""

from pathlib import Path
from typing import Any

import torch

PIECES = ["ball", "player", "goal", "post", "photo"]
SIDE = 64


def write(folder: Path, kind: str) -> Path:
    """A folder as the hub has it."""
    torch.manual_seed(0)
    made, processor = _MADE[kind]()
    made.float().eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _owlv2() -> tuple[Any, Any]:
    import transformers

    words = [*"abcdefghijklmnopqrstuvwxyz"]
    words += [f"{each}</w>" for each in words]
    vocabulary = {word: n for n, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>", "!"])}
    tokenizer = transformers.CLIPTokenizer(vocabulary, [], pad_token="!", model_max_length=40)
    start, end, pad = (vocabulary[each] for each in ("<|startoftext|>", "<|endoftext|>", "!"))
    inner = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = transformers.Owlv2Config(
        text_config=inner
        | {
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 40,
            "bos_token_id": start,
            "eos_token_id": end,
            "pad_token_id": pad,
        },
        vision_config=inner | {"image_size": SIDE, "patch_size": 16},
        projection_dim=16,
    )
    pictures = transformers.Owlv2ImageProcessor(size={"height": SIDE, "width": SIDE})
    made = transformers.Owlv2ForObjectDetection(config)
    # Drawn at random, every box would lie at an edge; so each lies around its own cell.
    torch.nn.init.zeros_(made.box_head.dense2.weight)
    return made, transformers.Owlv2Processor(pictures, tokenizer)


def _grounding_dino() -> tuple[Any, Any]:
    import transformers

    # The network knows [CLS], [SEP] and "." by the numbers that these have in BERT's vocabulary.
    vocabulary = {f"[unused{n}]": n for n in range(1100)}
    for place, word in [
        (0, "[PAD]"),
        (100, "[UNK]"),
        (101, "[CLS]"),
        (102, "[SEP]"),
        (103, "[MASK]"),
        (1012, "."),
    ]:
        vocabulary = {key: n for key, n in vocabulary.items() if n != place} | {word: place}
    letters = [
        *"abcdefghijklmnopqrstuvwxyz",
        *PIECES,
        *(f"##{each}" for each in "abcdefghijklmnopqrstuvwxyz"),
    ]
    for place, word in enumerate(letters, start=200):
        vocabulary = {key: n for key, n in vocabulary.items() if n != place} | {word: place}
    tokenizer = transformers.BertTokenizer(vocabulary)
    text = transformers.BertConfig(
        vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    trunk = transformers.SwinConfig(
        image_size=SIDE, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
        out_indices=[2, 3, 4],
    )  # fmt: skip
    config = transformers.GroundingDinoConfig(
        backbone_config=trunk, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
        num_queries=20, disable_custom_kernels=True,
    )  # fmt: skip
    pictures = transformers.GroundingDinoImageProcessor(
        size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    )
    return (
        transformers.GroundingDinoForObjectDetection(config),
        transformers.GroundingDinoProcessor(pictures, tokenizer),
    )


_MADE = {"owlv2": _owlv2, "grounding-dino": _grounding_dino}
KINDS = tuple(_MADE)
