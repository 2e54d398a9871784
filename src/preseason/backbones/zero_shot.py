"""Networks that find what words describe, without training: OWLv2 and Grounding DINO of transformers."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.backbones.encoders import CONFIG, WEIGHTS, model_type, quiet
from preseason.backbones.transformers_hub import INPUT, folder_of, opened, refuse_without_weights
from preseason.errors import UsageError, WeightsError, first_line
from preseason.errors.packages import require

FILES = (
    INPUT, "processor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "vocab.json", "merges.txt", "vocab.txt", "added_tokens.json",
)  # fmt: skip
"""What tells how pictures and words are fed; no checkpoint has all of these."""
AGPL = ("ultralytics", "yolov5", "yolov8", "yolo11", "yolo12", "yolo26", "yoloe", "yolov8s-world", "fastsam")
"""Owners and beginnings of names of networks under the AGPL."""
GPL = ("yolo-world", "yoloworld", "yolov7", "yolov9")


@dataclass(frozen=True)
class Kind:
    """One model type of transformers.

    Attributes:
        name: short, as `--backbone` takes it.
        repository: on the hub, of the checkpoint that the short name stands for.
        module: of transformers.
        stem: beginning of its classes' names.
        least: a box with a lower score is not kept, where the user names no other; what its authors show.
    """

    name: str
    repository: str
    module: str
    stem: str
    least: float

    @property
    def class_name(self) -> str:
        """The network's class in transformers."""
        return f"{self.stem}ForObjectDetection"


KINDS = {
    "owlv2": Kind("owlv2", "google/owlv2-base-patch16-ensemble", "owlv2", "Owlv2", 0.1),
    "grounding-dino": Kind(
        "grounding-dino", "IDEA-Research/grounding-dino-tiny", "grounding_dino", "GroundingDino", 0.25
    ),
}
"""By `model_type`. Minderer et al. 2023 (arXiv 2306.09683), Liu et al. 2023 (arXiv 2303.05499); the code and
the weights of both are under Apache-2.0."""


@dataclass(frozen=True)
class ZeroShot:
    """A network that finds what words describe.

    Attributes:
        name: as it was asked for.
        network: of transformers.
        processor: its own: turns pictures and words into tensors.
    """

    name: str
    kind: Kind
    network: Any
    processor: Any


def load_zero_shot(name: str, weights: str | None = None) -> ZeroShot:
    """The network `name`: a short name, one on the hub, or a folder.

    Args:
        name: a key of `KINDS`, a name on the hub, or a folder that transformers wrote.
        weights: a folder to take it from instead.

    Raises:
        MissingPackageError: transformers is not installed.
        UsageError: its licence asks that whatever uses it be published.
        WeightsError: the weights are not on this machine, or are of another network.
    """
    _refuse_unfree(name)
    require("preseason prelabel", "transformers")
    repository = KINDS[name].repository if name in KINDS else name
    if weights is None and not Path(repository).is_dir() and repository.count("/") != 1:
        raise UsageError(
            f"--backbone {name}: expected {' or '.join(KINDS)}, a name on the hub such as "
            f"{KINDS['owlv2'].repository}, or a folder."
        )
    folder = folder_of(repository, weights, FILES)
    kind = KINDS.get(model_type(folder) or "")
    if kind is None:
        raise WeightsError(
            f"{folder} holds no network that finds what words describe. Expected {CONFIG} whose model_type "
            f"is {' or '.join(KINDS)}, the files of its tokenizer, {INPUT} and {WEIGHTS}."
        )
    refuse_without_weights(folder, name, kind.class_name)
    network, processor = _opened(folder, kind)
    return ZeroShot(name, kind, network, processor)


def _refuse_unfree(name: str) -> None:
    """Raise where the licence of a network would bind whoever uses it."""
    parts = [part.lower() for part in name.replace("\\", "/").split("/")]
    for names, licence in ((AGPL, "AGPL-3.0"), (GPL, "GPL-3.0")):
        if not Path(name).is_dir() and any(part.startswith(names) for part in parts):
            raise UsageError(
                f"{name} is under the {licence}, which binds programs that use it, and is not loaded. "
                f"{' and '.join(KINDS)} are under Apache-2.0."
            )


def _opened(folder: Path, kind: Kind) -> tuple[Any, Any]:
    """The network and what feeds it; safetensors alone are read, and no code of the folder is run."""
    module = importlib.import_module(f"transformers.models.{kind.module}.modeling_{kind.module}")
    feeding = importlib.import_module(f"transformers.models.{kind.module}.processing_{kind.module}")
    network, _ = opened(folder, getattr(module, kind.class_name), lambda _: False)
    try:
        with quiet():
            processor = getattr(feeding, f"{kind.stem}Processor").from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        raise WeightsError(
            f"{folder} cannot be loaded as {kind.stem}: {first_line(error)}. Expected {INPUT} and the files "
            f"of its tokenizer, as on https://huggingface.co/{kind.repository}."
        ) from error
    return network.eval(), processor
