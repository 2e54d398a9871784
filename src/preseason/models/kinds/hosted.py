"""A model that lies with a service, from the folder that names it."""

from pathlib import Path
from typing import Any

from preseason.language.hosted_model import HostedModel, load_hosted
from preseason.models.loading import Where, kinds
from preseason.storage import HOSTED


def open_hosted(place: Path, manifest: dict[str, Any], where: Where) -> HostedModel:
    """The model that a folder names."""
    return load_hosted(place, manifest[HOSTED], where.cache)


kinds.add("hosted", open_hosted)
