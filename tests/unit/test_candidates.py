"""Candidates that build on earlier ones: what they need, whose rows they read, how they are saved."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from preseason.backbones.base import Backbone
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.data.dataset import File, Sample
from preseason.engine.passes import FeatureSpec
from preseason.inference.candidates import Candidate
from preseason.models.manifest import candidate_from, candidate_values
from preseason.recipe import Recipe
from preseason.tasks.photos import Photos


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    network = create("test_efficientnet")
    return Backbone("tiny", network, split_of(network), preprocessing_of(network), "none")


@pytest.fixture(scope="module")
def offered(backbone: Backbone) -> dict[str, Candidate]:
    return {each.name: each for each in Photos().candidates(Recipe(), backbone)}


def test_finer_looks_stand_beside_coarser_ones(offered: dict[str, Candidate]) -> None:
    names = list(offered)
    assert names.index("attention") < names.index("square look") < names.index("finer look")
    assert offered["square look"].origins == (offered["square look"].before,) == ("attention",)
    assert offered["finer look"].origins == (offered["finer look"].before,) == ("square look",)
    assert offered["closer look"].origins == ("attention",)
    assert offered["tuned closer look"].before is None
    assert offered["linear"].origins == ()


def test_every_scale_has_parts_of_its_own_kinds(offered: dict[str, Candidate]) -> None:
    before: list[int] = list(offered["attention"].config.part_types)
    for name in ("square look", "finer look"):
        kinds = list(offered[name].config.part_types)
        assert kinds[: len(before)] == before
        own = kinds[len(before) :]
        assert len(own) == len(offered[name].spec.parts())
        assert min(own) > max(before), "each scale is standardised by itself"
        before = kinds


def test_finer_looks_see_the_square_and_the_first_look_the_whole(offered: dict[str, Candidate]) -> None:
    frames = {name: each.spec.frame for name, each in offered.items()}
    assert (frames["attention"], frames["square look"], frames["finer look"]) == ("whole", "square", "square")
    assert offered["finer look"].spec.size == 2 * offered["square look"].spec.size


def test_a_candidate_is_saved_and_one_of_before_is_read(offered: dict[str, Candidate]) -> None:
    finer = offered["finer look"]
    values = candidate_values(finer)
    assert candidate_from(values) == replace(finer, config=None)
    older = {name: value for name, value in candidate_values(offered["linear"]).items() if name != "beside"}
    older["spec"] = {name: value for name, value in older["spec"].items() if name != "frame"}
    assert candidate_from(older) == replace(offered["linear"], config=None)
    assert candidate_from(older).spec == FeatureSpec(
        offered["linear"].spec.size, regions=finer.spec.regions[:26]
    )


@pytest.mark.parametrize(
    ("width", "height", "looks"),
    [
        (1200, 800, ("square look", "finer look")),
        (800, 820, ("finer look",)),
        (90, 160, ("square look",)),
        (64, 64, ()),
    ],
)
def test_looks_that_would_show_nothing_new_are_not_offered(
    width: int, height: int, looks: tuple[str, ...], backbone: Backbone, tmp_path: Path
) -> None:
    Image.new("RGB", (width, height)).save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    samples = [Sample(File(tmp_path / name)) for name in ("a.png", "broken.png")]
    offered = {each.name: each for each in Photos().candidates(Recipe(), backbone, samples)}
    assert tuple(name for name in offered if name in ("square look", "finer look")) == looks
    if "finer look" in looks:
        assert offered["finer look"].before == ("square look" if "square look" in looks else "attention")
