"""Networks of transformers on the Hugging Face hub: what lies in its cache, and loading what does not."""

from collections.abc import Collection, Sequence
from pathlib import Path

from preseason.backbones.encoders import CONFIG, WEIGHTS, model_type
from preseason.backbones.hubs import hugging_face_answers
from preseason.errors import WeightsError, first_line

INPUT = "preprocessor_config.json"
INDEX = "model.safetensors.index.json"
"""Of weights in several files."""


def type_in_cache(name: str) -> str | None:
    """What transformers calls a network in the hub's cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, CONFIG)
    return model_type(Path(found).parent) if isinstance(found, str) else None


def is_among(name: str, weights: str | None, kinds: Collection[str], beginnings: tuple[str, ...]) -> bool:
    """Whether a name, or the folder `weights`, is of a network of one of `kinds`, as transformers calls them.

    A name on the hub that is not in its cache is taken at its word where it begins as theirs do.
    """
    if model_type(Path(name) if weights is None else Path(weights)) in kinds:
        return True
    if name.count("/") != 1 or Path(name).exists():
        return False
    return name.rpartition("/")[2].lower().startswith(beginnings) or type_in_cache(name) in kinds


def folder_of(name: str, weights: str | None, beside: Sequence[str] = (INPUT,)) -> Path:
    """Where a network lies: the folder `weights`, the folder `name`, or the hub's cache.

    Args:
        beside: as of `fetched`.

    Raises:
        WeightsError: as `fetched`.
    """
    if weights is not None:
        return Path(weights)
    return Path(name) if model_type(Path(name)) else fetched(name, beside)


def fetched(name: str, beside: Sequence[str] = (INPUT,)) -> Path:
    """The folder of the hub's cache with a network, loaded from the hub where it is not there.

    Args:
        beside: files that are wanted beside configuration and weights.

    Raises:
        WeightsError: it is not there and the hub cannot be reached, or has no such network.
    """
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    config = try_to_load_from_cache(name, CONFIG)
    weights = [try_to_load_from_cache(name, each) for each in (WEIGHTS, INDEX)]
    if isinstance(config, str) and any(isinstance(each, str) for each in weights):
        return Path(config).parent
    try:
        if not hugging_face_answers():
            raise ConnectionError("the hub does not answer")
        wanted = [CONFIG, *beside, WEIGHTS, INDEX, "model-*.safetensors"]
        return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:
        listed = f"{', '.join((CONFIG, *beside))} and {WEIGHTS}"
        raise WeightsError(
            f"The weights of {name} are not on this machine and cannot be loaded: {first_line(error)}. On a "
            f"machine with a network, take {listed} from https://huggingface.co/{name} into one folder and "
            "pass --backbone FOLDER here.",
            code="PS-W02",
        ) from error
