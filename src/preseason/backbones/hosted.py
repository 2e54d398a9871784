"""Video networks on the Hugging Face hub: their names here, and how they come into its cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preseason.backbones.hubs import hugging_face_answers
from preseason.errors import WeightsError

CONFIG = "config.json"
FILES = ("model.safetensors", "pytorch_model.bin")
INPUT_FILES = ("preprocessor_config.json", "video_preprocessor_config.json")


@dataclass(frozen=True)
class Hosted:
    """A network on the Hugging Face hub; `parameters` are those that are kept of it."""

    repository: str
    parameters: int
    size: int
    frames: int
    licence: str
    trained_on: str


HOSTED = {
    "videomae-base": Hosted(
        "MCG-NJU/videomae-base", 86_228_738, 224, 16, "cc-by-nc-4.0", "Kinetics-400, unlabelled"
    ),
    "videomae-base-kinetics": Hosted(
        "MCG-NJU/videomae-base-finetuned-kinetics", 86_534_800, 224, 16, "cc-by-nc-4.0", "Kinetics-400"
    ),
    "videomae-base-ssv2": Hosted(
        "MCG-NJU/videomae-base-finetuned-ssv2", 86_361_006, 224, 16, "cc-by-nc-4.0", "Something-Something v2"
    ),
    "timesformer-base": Hosted(
        "facebook/timesformer-base-finetuned-k400", 121_566_352, 224, 8, "cc-by-nc-4.0", "Kinetics-400"
    ),
    "vjepa2-large": Hosted(
        "facebook/vjepa2-vitl-fpc64-256", 303_885_312, 256, 64, "mit", "VideoMix22M, unlabelled"
    ),
    "vjepa2-large-ssv2": Hosted(
        "facebook/vjepa2-vitl-fpc16-256-ssv2", 353_399_982, 256, 16, "mit", "Something-Something v2"
    ),
}


def hosted_as(name: str) -> Hosted | None:
    """The network of that name here or on the hub."""
    full = {hosted.repository: hosted for hosted in HOSTED.values()}
    return HOSTED.get(name) or full.get(name)


def fetched(name: str, hosted: Hosted) -> Path:
    """The folder of the hub cache with the network, loaded from the hub where it is not there.

    Raises:
        WeightsError: it is not there and the hub cannot be reached.
    """
    from huggingface_hub import hf_hub_download

    if (there := cached(hosted)) is not None:
        return there
    try:
        if not hugging_face_answers():
            raise ConnectionError("the hub does not answer")
        folder = Path(hf_hub_download(hosted.repository, CONFIG)).parent
        _fetch_first(hosted.repository, FILES)
        _fetch_first(hosted.repository, INPUT_FILES)
    except Exception as error:
        raise WeightsError(
            f"The weights of {name} are not on this machine and the hub cannot be reached. On a machine with "
            f"a network, take config.json, preprocessor_config.json and model.safetensors from "
            f"https://huggingface.co/{hosted.repository} into a folder and pass --backbone FOLDER here."
        ) from error
    return folder


def _fetch_first(repository: str, names: Sequence[str]) -> None:
    """Load the first of the files that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        try:
            hf_hub_download(repository, name)
        except EntryNotFoundError:
            continue
        return


def cached(hosted: Hosted) -> Path | None:
    """Its folder in the hub cache, None where configuration or weights are not there."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hosted.repository, CONFIG)
    weights = [try_to_load_from_cache(hosted.repository, name) for name in FILES]
    if not isinstance(config, str) or not any(isinstance(path, str) for path in weights):
        return None
    return Path(config).parent
