"""VideoMAE, TimeSformer and V-JEPA 2 of transformers: by name from the hub, or from a folder on disk."""

import importlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from preseason.backbones.base import Backbone, Split, clip_families
from preseason.backbones.facts import Preprocessing
from preseason.backbones.hosted import CONFIG, HOSTED, INPUT_FILES, fetched, hosted_as
from preseason.backbones.library import ConfiguredLibrary, libraries
from preseason.errors import WeightsError, first_line
from preseason.errors.packages import require

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Kind:
    """One model type of transformers.

    Attributes:
        classifying: class with a classifier.
        bare: class for checkpoints without a classifier, where `classifying` would need more than that.
        side, frames: names of these settings.
        mean, std: for folders that do not say.
        absent: starts of parameters that a checkpoint may lack.
        dropped: part that no features come from.
    """

    classifying: str
    side: str
    frames: str
    bare: str = ""
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    absent: tuple[str, ...] = ("classifier.",)
    dropped: str = ""


KINDS = {
    "videomae": Kind(
        "VideoMAEForVideoClassification", "image_size", "num_frames", absent=("classifier.", "fc_norm.")
    ),
    "timesformer": Kind(
        "TimesformerForVideoClassification", "image_size", "num_frames", mean=(0.45,) * 3, std=(0.225,) * 3
    ),
    "vjepa2": Kind(
        "VJEPA2ForVideoClassification",
        "crop_size",
        "frames_per_clip",
        bare="VJEPA2Model",
        absent=("classifier.", "predictor.", "vjepa2.predictor."),
        dropped="predictor",
    ),
}


class TransformersClips(ConfiguredLibrary):
    """The library `transformers`."""

    rank = 40
    opened_by = ("transformers",)

    def names(self) -> Sequence[str]:
        """The names of networks on the hub."""
        return list(HOSTED)

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is one of them, its full name on the hub, or a folder with a video network."""
        return hosted_as(name) is not None or _kind_in(Path(name)) in KINDS

    def load(self, name: str, weights: str | None) -> Backbone:
        """The network `name`; `weights` is a transformers folder, or a file in one."""
        hosted = hosted_as(name)
        if weights is not None:
            folder = _folder_of(Path(weights))
        else:
            folder = Path(name) if hosted is None else fetched(name, hosted)
        network = _pretrained(folder)
        licence = hosted.licence if hosted else "unknown"
        own = Path(name).name if hosted is None else name
        return Backbone(own, network, self.split(network), preprocessing_of(folder), licence, "transformers")

    def architecture(self, network: nn.Module) -> str:
        """transformers' name of the class."""
        return type(network).__name__

    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights."""
        transformers = imported()
        given = {key: value for key, value in config.items() if key != "architectures"}
        with quiet(transformers):
            settings = transformers.AutoConfig.for_model(**given)
            return _trimmed(getattr(transformers, architecture)(settings))

    def split(self, network: nn.Module) -> Split:
        """The blocks of its family."""
        return clip_families.get(type(network).__name__)(network)

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """What `from_pretrained(FOLDER)` reads."""
        network: Any = backbone.network
        own: dict[str, Any] = json.loads(network.config.to_json_string(use_diff=False))
        own["architectures"] = [self.architecture(network)]
        if labels:
            own["id2label"] = {str(index): label for index, label in enumerate(labels)}
            own["label2id"] = {label: index for index, label in enumerate(labels)}
        return own


def imported() -> Any:
    """The transformers package.

    Raises:
        MissingPackageError: it is not installed.
    """
    require("VideoMAE, TimeSformer and V-JEPA 2", "transformers")
    return importlib.import_module("transformers")


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Without transformers' progress bars and its remarks about classifiers that a checkpoint lacks."""
    log = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()


def preprocessing_of(folder: Path) -> Preprocessing:
    """Size and frames of the network's configuration, mean and deviation of its preprocessor's."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    kind = KINDS[config["model_type"]]
    defaults = imported().AutoConfig.for_model(config["model_type"]).to_dict()
    settings = defaults | config
    given: dict[str, Any] = {}
    for name in INPUT_FILES:
        if (folder / name).is_file():
            given |= json.loads((folder / name).read_text("utf-8"))
    side = settings[kind.side]
    return Preprocessing(
        int(side if isinstance(side, int) else side[0]),
        tuple(given.get("image_mean", kind.mean)),
        tuple(given.get("image_std", kind.std)),
        resizable=False,
        frames=int(settings[kind.frames]),
    )


def _pretrained(folder: Path) -> nn.Module:
    transformers = imported()
    kind = KINDS[_kind_in(folder)]
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    classifying = not kind.bare or kind.classifying in (config.get("architectures") or ())
    wanted = getattr(transformers, kind.classifying if classifying else kind.bare)
    try:
        with quiet(transformers):
            network, found = wanted.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, trust_remote_code=False
            )
    except Exception as error:
        reason = first_line(error)
        raise WeightsError(
            f"{folder} cannot be loaded as {wanted.__name__}: {reason}. Expected config.json and "
            "model.safetensors (or a PyTorch file that holds tensors only)."
        ) from error
    absent = [name for name in found["missing_keys"] if not name.startswith(kind.absent)]
    if absent:
        raise WeightsError(
            f"{folder} does not fit {wanted.__name__}: {len(absent)} tensors are absent, e.g. {absent[0]}."
        )
    if any(name.startswith("classifier.") for name in found["missing_keys"]):
        # Random values would give the same weights another digest, and so another shelf, in every run.
        for parameter in network.classifier.parameters():
            nn.init.zeros_(parameter)
    return _trimmed(network)


def _trimmed(network: Any) -> nn.Module:
    """`network` in eval mode, without the part that no features come from."""
    network.pretrained_cfg = {"architecture": type(network).__name__, "classifier": "classifier"}
    dropped = KINDS[network.config.model_type].dropped
    if dropped:
        setattr(getattr(network, network.base_model_prefix, network), dropped, nn.Identity())
    module: nn.Module = network.float().eval()
    return module


def _kind_in(folder: Path) -> str:
    """The model type that a folder's configuration names; empty where there is none."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        return str(config.get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _folder_of(weights: Path) -> Path:
    folder = weights if weights.is_dir() else weights.parent
    if _kind_in(folder) not in KINDS:
        raise WeightsError(
            f"{weights} is not in the folder of a video network of transformers: expected a {CONFIG} beside "
            f"it whose model_type is one of {', '.join(KINDS)}."
        )
    return folder


libraries.add("transformers", TransformersClips())
