"""`preseason models`."""

from typing import TYPE_CHECKING

from preseason.cli.verbs import Outcome, verb
from preseason.cli.words import table

if TYPE_CHECKING:
    from preseason.backbones.facts import BackboneInfo

HEADER = [
    "name",
    "for",
    "on this machine",
    "from",
    "MB",
    "parameters",
    "photos/s",
    "licence of the weights",
    "trained on",
]
FOOTNOTE = """
Every other image network of timm works too: preseason fit photos/ --backbone NAME. Weights that are not
on this machine are loaded from the hub when you name them; --weights FILE_OR_FOLDER takes them from disk.
Networks for video take clips; a folder of transformers with VideoMAE, TimeSformer or V-JEPA 2 is a backbone
as well: --backbone FOLDER. So is one with a spectrogram transformer (AST), wav2vec 2.0, HuBERT, WavLM or
Whisper for sounds, or with RF-DETR, D-FINE, DEIMv2, RT-DETRv2 or LW-DETR for boxes; of a hub's network
model.safetensors alone is read. Beside the network, faces of photos and the motion of clips are read where
the extras faces and motion are installed: --backbone auto,motion."""


@verb("models")
def models(quiet: bool) -> Outcome:
    """List the pretrained networks and which of them are on this machine."""
    from preseason import backbones

    rows = backbones.listing()
    return Outcome({"models": rows}, table(HEADER, [_row(info) for info in rows]) + "\n" + FOOTNOTE)


def _row(info: "BackboneInfo") -> list[str]:
    speed = "-" if info.images_per_s is None else f"{info.images_per_s:.0f}"
    return [
        info.name,
        info.modality,
        "yes" if info.available else "no",
        info.source,
        f"{info.megabytes:.0f}",
        f"{info.parameters / 1e6:.1f} M",
        speed,
        info.licence,
        info.trained_on or "-",
    ]
