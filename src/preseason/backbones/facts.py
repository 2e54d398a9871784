"""What is known of a pretrained network before it is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from preseason.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from preseason.backbones.base import Backbone


@dataclass(frozen=True)
class Preprocessing:
    """How a picture or a clip becomes the network's input; it travels with the weights.

    Attributes:
        size: side in pixels of the square input.
        mean, std: of each RGB channel, on the scale 0..1.
        resizable: whether another side than `size` may be fed (true for convolutional networks).
        frames: how many frames a video network takes at once; 0 for networks of single pictures.
        bgr: whether the network was trained on blue, green, red; mean and std are in this order.
        fewest_frames: how few frames may be fed in place of `frames`; 0 where it must be exactly `frames`.
        tokens: the most that a network of texts takes at once; 0 for others. Its `size` is counted in them.
        tokenizer: hex digest of what turns texts into tokens; empty for others.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resizable: bool
    frames: int = 0
    bgr: bool = False
    fewest_frames: int = 0
    tokens: int = 0
    tokenizer: str = ""


@dataclass(frozen=True)
class BackboneInfo:
    """One row of `preseason models`."""

    name: str
    modality: str
    licence: str
    parameters: int
    source: str
    available: bool
    megabytes: float
    images_per_s: float | None = None
    trained_on: str = ""


class BackboneSource(Protocol):
    """A pretrained network that is loaded, or that is when its layers are asked for."""

    @property
    def name(self) -> str:
        """Registered or timm name."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How an example becomes its input."""

    @property
    def licence(self) -> str:
        """Of its weights."""

    @property
    def weights_id(self) -> str:
        """Hex digest of all weights; part of every key of the feature bank."""

    @property
    def modality(self) -> str:
        """What it reads: "image", "video", "text", or what a plug-in registers."""

    def loaded(self) -> "Backbone":
        """The network itself."""

    def facts(self) -> dict[str, Any]:
        """Name, library, architecture, preprocessing, licence and digest as plain values."""

    def save(self, folder: Path) -> None:
        """Write architecture and weights to a folder."""


class TextSource(BackboneSource, Protocol):
    """A network of texts."""

    @property
    def tokenizer(self) -> "Tokenizer":
        """What turns texts into token numbers; it neither cuts nor pads."""


def preprocessing_from(values: Mapping[str, Any]) -> Preprocessing:
    """From the plain values of a manifest; those that one of an older version lacks have their defaults.

    Raises:
        KeyError, TypeError: values that no network has.
    """
    return Preprocessing(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})


def origin_of(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Library and modality of a network by its facts in a manifest.

    Manifests of older versions name no modality, and call timm the library of text networks.
    """
    library, given = str(facts.get("library", "timm")), facts["preprocessing"]
    if "modality" in facts:
        return library, str(facts["modality"])
    if given.get("tokens"):
        return "transformers_texts", "text"
    return library, "video" if given.get("frames") else "image"


def require(backbone: "BackboneSource", modalities: Sequence[str], noun: str) -> None:
    """Refuse a network of other data than the task's.

    Raises:
        UsageError: it reads none of `modalities`.
    """
    if backbone.modality not in modalities:
        raise UsageError(
            f"--backbone {backbone.name} takes {backbone.modality} input, but these are {noun}. "
            "Leave --backbone out, or choose one of `preseason models`."
        )
