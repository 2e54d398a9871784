"""A kind of data and a head that only this file knows, registered by the doors that built-ins come in by.

Curves are files of numbers; a network of pictures sees them drawn. Both parts go the whole way without a line
of the package that knows of them: fit, predict, evaluate, explain, report, save, load, serve, export.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import save_file

import preseason
from preseason.arrays.types import Floats
from preseason.backbones.timm_networks import create
from preseason.data import layouts
from preseason.data.audit import Signature
from preseason.data.dataset import Dataset, File, Sample, Source
from preseason.data.files import Accept
from preseason.engine.hiding import Cover
from preseason.engine.passes import Box, FeatureSpec
from preseason.errors import ExportError, MediaError
from preseason.heads.base import TrainingSet, heads
from preseason.inference.candidates import Candidate
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.media.content import digest
from preseason.modalities.base import Cost, Units, modalities
from preseason.modalities.image import hidden_forms
from preseason.models.classifier import Model
from preseason.recipe import Recipe
from preseason.tasks.base import tasks
from serving_tools import serving

SHAPES = ("flat", "rising", "wave")
HALVES = {"first half": Box(0, 0, 0.5, 1), "second half": Box(0.5, 0, 1, 1)}


def numbers_in(path: Path) -> Floats:
    """The values of a curve."""
    try:
        return np.array(path.read_text("utf-8").split(), np.float32)
    except (ValueError, OSError) as error:
        raise MediaError(f"no curve: {error}") from None


def drawn(path: Path, size: int) -> NDArray[np.uint8]:
    """A black curve on white, uint8 [size, size, 3]."""
    values = numbers_in(path)
    across = np.interp(np.linspace(0, 1, size), np.linspace(0, 1, len(values)), values)
    rows = ((1 - across.clip(0, 1)) * (size - 1)).round().astype(int)
    picture = np.full((size, size, 3), 255, np.uint8)
    thickness = max(size // 24, 1)
    for column, row in enumerate(rows):
        picture[max(row - thickness, 0) : row + thickness, column] = 0
    return picture


class CurveModality:
    """Numbers in a text file."""

    name = "curve"
    viewer = "file"
    hub_task = "tabular-classification"
    file_name = "curve.num"
    package = "preseason"
    typed = False
    timed = False
    hides_words = False

    def check(self, path: Path) -> str | None:
        try:
            return None if len(numbers_in(path)) > 1 else "fewer than two numbers"
        except MediaError as error:
            return str(error)

    def source(self, path: Path) -> Source:
        return File(path)

    def cost(self, source: Source) -> Cost:
        return Cost(letters=len(source.content()))

    def quote(self, sample: Sample) -> str:
        return f"{len(numbers_in(sample.path))} numbers"

    def units(self, sample: Sample) -> Units:
        covers = {name: Cover(box=box) for name, box in HALVES.items()}
        boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for b in HALVES.values()], np.float32)
        return Units("places", tuple(covers), hidden_forms(sample, covers), covers, boxes)


class CurveDecoder:
    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        return drawn(sample.path, spec.size)[None]


class Curves:
    """The task of classifying curves."""

    name = "curves"
    noun = "curves"
    singular = "curve"
    modality = CurveModality()
    problem = "classification"
    rank = 15
    heads: tuple[str, ...] = ("nearest",)
    seconds_each = 0.1
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image",)
    scouted = networks

    @property
    def accept(self) -> Accept:
        return Accept(lambda path: None if path.suffix == ".num" else "no .num file", "curves")

    def read(self, root: Path, accept: Accept) -> Dataset:
        return layouts.read(root, accept)

    def signature(self, sample: Sample) -> Signature:
        numbers_in(sample.path)
        return Signature(self.fingerprint(sample))

    def fingerprint(self, sample: Sample) -> str:
        return digest(sample.source.content())

    def recognises(self, root: Path) -> bool:
        return any(root.glob("*/*.num"))

    def decoder(self, backbone: Any) -> CurveDecoder:
        return CurveDecoder()

    def candidates(
        self, recipe: Recipe, backbone: Any, samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        return (Candidate("nearest", "nearest", FeatureSpec(backbone.preprocessing.size)),)

    def describe(self, recipe: Recipe, backbone: Any) -> str:
        return f"the nearest known curve by {backbone.name}"

    def baseline(self, backbone: Any) -> Candidate:
        return self.candidates(Recipe(), backbone)[0]

    def picture(self, sample: Sample) -> None:
        return None

    def span_s(self, samples: Sequence[Sample]) -> None:
        return None

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        return spec.parts()


@dataclass(frozen=True)
class NearestHead:
    """Similarity to the nearest learnt row of each class."""

    rows: Floats
    targets: Floats

    def logits(self, features: Features) -> Floats:
        likeness = self.embed(features) @ self.rows.T
        classes = range(int(self.targets.max()) + 1)
        each = [likeness[:, self.targets == place].max(axis=1) for place in classes]
        return np.asarray(30 * np.stack(each, axis=1), np.float32)

    def embed(self, features: Features) -> Floats:
        return unit(features.whole())

    def attention(self, features: Features) -> None:
        return None

    def state(self) -> State:
        return State("nearest", {"rows": self.rows, "targets": self.targets})


class Nearest:
    """Keeps the rows that it learns from."""

    def fit(self, training_set: TrainingSet) -> NearestHead:
        return NearestHead(unit(training_set.features.whole()), training_set.targets.astype(np.float32))


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def restore(state: State, *_: object) -> NearestHead:
    return NearestHead(state.arrays["rows"], state.arrays["targets"])


@pytest.fixture(scope="module", autouse=True)
def plugged_in() -> Iterator[None]:
    """The parts, for the tests of this file alone."""
    parts = (
        (modalities, "curve", Curves.modality),
        (tasks, "curves", Curves()),
        (heads, "nearest", Nearest()),
        (restorers, "nearest", restore),
    )
    for registry, name, part in parts:
        registry.add(name, part)
    yield
    for registry, name, _ in parts:
        del registry._entries[name]


def written(folder: Path, seed: int, count: int) -> Path:
    """Curves of three shapes, a folder for each."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, 40)
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for number in range(count):
            base = {"flat": np.full(40, 0.5), "rising": time, "wave": 0.5 + 0.4 * np.sin(14 * time)}[shape]
            values = base + rng.uniform(-0.1, 0.1) + rng.normal(0, 0.02, 40)
            (folder / shape / f"{number}.num").write_text(" ".join(f"{v:.4f}" for v in values), "utf-8")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curves")
    written(folder / "known", 0, 10)
    written(folder / "new", 1, 4)
    return folder


@pytest.fixture(scope="module")
def model(folders: Path) -> Model:
    network = create("test_resnet")
    save_file(network.state_dict(), folders / "small.safetensors")
    settings = {"backbone": "test_resnet", "weights": str(folders / "small.safetensors"), "budget_s": 60}
    found = preseason.fit(folders / "known", folders / "model", cache=str(folders / "cache"), **settings)
    assert isinstance(found, Model)
    return found


@pytest.fixture(scope="module")
def client(model: Model, folders: Path) -> Iterator[httpx.Client]:
    with serving({"curves": folders / "model"}) as client:
        yield client


def test_it_is_recognised_and_fitted(model: Model) -> None:
    assert (model.task, model.labels, model.record.head) == ("curves", SHAPES, "nearest")
    assert model.record.score.value > 0.8


def test_it_predicts_what_is_new_and_is_scored(model: Model, folders: Path) -> None:
    answers = model.predict(folders / "new" / "wave").predictions
    assert [answer.label for answer in answers] == ["wave"] * 4
    assert model.evaluate(folders / "new").score.value > 0.8


def test_loaded_again_it_answers_the_same(model: Model, folders: Path) -> None:
    again = preseason.load(folders / "model", cache=str(folders / "cache"))
    before = model.predict(folders / "new").predictions
    for one, other in zip(before, again.predict(folders / "new").predictions, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_it_is_explained_by_its_own_parts(model: Model, folders: Path) -> None:
    found = model.explain(folders / "new" / "wave" / "0.num")
    assert (found.kind, found.parts, found.label) == ("places", tuple(HALVES), "wave")
    assert found.neighbours[0].text == "40 numbers"


def test_report_and_card_call_it_by_its_name(folders: Path, model: Model) -> None:
    assert "30 curves" in (folders / "model" / "report.html").read_text("utf-8")
    card = (folders / "model" / "README.md").read_text("utf-8")
    assert "pipeline_tag: tabular-classification" in card
    assert "preseason predict model curve.num" in card


def test_it_is_served_and_the_page_is_told_how_to_show_it(client: httpx.Client, folders: Path) -> None:
    listed = client.get("/v1/models").json()["data"][0]
    assert (listed["task"], listed["noun"], listed["viewer"]) == ("curves", "curves", "file")
    path = folders / "new" / "rising" / "0.num"
    reply = client.post(
        "/v1/predict", files={"file": (path.name, path.read_bytes())}, data={"explain": "true"}
    )
    assert reply.json()["predictions"][0]["label"] == "rising", reply.text
    assert "VIEWERS[asked.viewer] ?? VIEWERS.file" in client.get("/page/ask.js").text


@pytest.mark.parametrize(("content", "reason"), [(b"not numbers", "no curve"), (b"1", "fewer than two")])
def test_the_server_refuses_what_its_modality_refuses(
    client: httpx.Client, content: bytes, reason: str
) -> None:
    reply = client.post("/v1/predict", files={"file": ("a.num", content)})
    assert reply.status_code == 415
    assert reason in reply.text
    assert "reads curves" in client.post("/v1/predict", json={"texts": ["1 2 3"]}).text


def test_export_says_that_it_is_not_offered(model: Model, folders: Path) -> None:
    with pytest.raises(
        ExportError, match="This is a model for curves: onnx is offered for image, sound, text and video"
    ):
        preseason.export(model, folders / "exported")


def test_the_manifest_names_network_and_head(folders: Path, model: Model) -> None:
    manifest = json.loads((folders / "model" / "preseason.json").read_text("utf-8"))
    assert manifest["backbone"]["modality"] == "image"
    assert manifest["predictor"]["candidates"][0]["fold_models"][0]["kind"] == "nearest"
