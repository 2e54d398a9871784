"""Callbacks of a fit: their order, what gradient training tells, and what TensorBoard and MLflow keep."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import preseason
from preseason.cli.main import run
from preseason.errors import UsageError
from preseason.errors.packages import MissingPackageError
from preseason.experiments import tensorboard
from preseason.experiments.base import tracker
from preseason.report.answer_pictures import CELL, drawn_confusions

FIRST = "training: mlp, 1 of 2"
"""The stage in which the first fold model is fitted."""


class Noted(preseason.Callback):
    """Notes everything that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def fit_started(self, name: str, settings: Mapping[str, Any]) -> None:
        self.told.append(("started", (name, settings["head"])))

    def stage_started(self, stage: str) -> None:
        self.told.append(("stage", stage))

    def stage_finished(self, stage: str, seconds: float) -> None:
        self.told.append(("stage over", stage))

    def epoch_finished(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        self.told.append(("epoch", (stage, epoch, dict(metrics))))

    def metrics_found(self, metrics: Mapping[str, float]) -> None:
        self.told.append(("metrics", dict(metrics)))

    def picture_made(self, name: str, picture: np.ndarray) -> None:
        self.told.append(("picture", (name, picture)))

    def fit_finished(self, folder: Path | None) -> None:
        self.told.append(("finished", folder))

    def fit_failed(self, error: BaseException) -> None:
        self.told.append(("failed", error))

    def of(self, kind: str) -> list[Any]:
        return [what for each, what in self.told if each == kind]


@pytest.fixture(scope="module")
def kept(photos: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Noted, Path, Any]:
    """One fit by gradient training that a callback of our own, TensorBoard and MLflow watch; its folder."""
    pytest.importorskip("tensorboard", reason="needs preseason[tensorboard]")
    pytest.importorskip("mlflow", reason="needs preseason[mlflow]")
    home, noted = tmp_path_factory.mktemp("experiments"), Noted()
    callbacks = [
        noted,
        preseason.TensorBoard(home / "runs"),
        preseason.MLflow(f"sqlite:///{home}/mlflow.db"),
    ]
    settings = {"backbone": "test_resnet", "weights": str(weights), "image_size": 64, "epochs": 6}
    model = preseason.fit(
        photos, home / "m", head="mlp", unfreeze="0", folds=2, callbacks=callbacks, **settings
    )
    return noted, home, model


def test_a_callback_is_told_of_everything_in_order(kept: tuple[Noted, Path, Any]) -> None:
    noted, home, model = kept
    kinds = [kind for kind, _ in noted.told]
    assert noted.told[0] == ("started", ("m", "mlp"))
    assert noted.told[-1] == ("finished", home / "m")
    assert kinds.index("stage") < kinds.index("epoch") < kinds.index("metrics") < kinds.index("picture")
    assert sorted(noted.of("stage")) == sorted(noted.of("stage over"))
    figures = {name: value for each in noted.of("metrics") for name, value in each.items()}
    assert figures["accuracy"] == model.record.score.value
    assert figures["accuracy_low"] <= figures["accuracy"] <= figures["accuracy_high"]
    assert figures["candidates/mlp"] == model.record.candidates[0].accuracy


def test_epochs_count_up_and_the_loss_falls(kept: tuple[Noted, Path, Any]) -> None:
    epochs = [each for each in kept[0].of("epoch") if each[0] == FIRST]
    assert [epoch for _, epoch, _ in epochs] == list(range(1, len(epochs) + 1))
    losses = [metrics["loss"] for _, _, metrics in epochs]
    assert losses[-1] < losses[0]


def test_pictures_are_the_confusions_and_mistakes(kept: tuple[Noted, Path, Any]) -> None:
    pictures = dict(kept[0].of("picture"))
    assert all(each.dtype == np.uint8 and each.shape[2] == 3 for each in pictures.values())
    answers = kept[2].record.answers
    wrong = int((answers.probabilities.argmax(axis=1) != answers.targets).sum())
    assert "confusions" in pictures
    assert len(pictures) == 1 + min(wrong, 12)


def test_confusions_are_darkest_where_all_of_a_class_is() -> None:
    drawn = np.asarray(drawn_confusions(np.array([[4, 0], [1, 1]]), ("a", "b"))).astype(int)
    corner = drawn.shape[0] - 18 - 2 * CELL + 3
    shades = [drawn[corner + row * CELL, corner + column * CELL].sum() for row in (0, 1) for column in (0, 1)]
    assert shades[0] < min(shades[2:]) <= max(shades[2:]) < shades[1]


def test_tensorboard_reads_back_curves_figures_and_pictures(kept: tuple[Noted, Path, Any]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    noted, home, model = kept
    (folder,) = (home / "runs").iterdir()
    assert folder.name.startswith("m-")
    events = EventAccumulator(str(folder), size_guidance={"images": 0})
    events.Reload()
    curve = [(point.step, point.value) for point in events.Scalars("training/mlp/1 of 2/loss")]
    told = [(at, each["loss"]) for stage, at, each in noted.of("epoch") if stage == FIRST]
    assert curve == [(at, pytest.approx(loss)) for at, loss in told]
    assert events.Scalars("accuracy")[0].value == pytest.approx(model.record.score.value)
    assert set(events.Tags()["images"]) == {name for name, _ in noted.of("picture")}
    assert events.Images("confusions")[0].width == dict(noted.of("picture"))["confusions"].shape[1]


def test_mlflow_reads_back_a_run_with_curves_and_the_report(kept: tuple[Noted, Path, Any]) -> None:
    from mlflow import MlflowClient

    noted, home, model = kept
    client = MlflowClient(f"sqlite:///{home}/mlflow.db")
    experiment = client.get_experiment_by_name("preseason")
    (found,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 'm'")
    assert (found.info.run_name, found.info.status) == ("m", "FINISHED")
    assert found.data.params["head"] == "mlp"
    assert found.data.metrics["accuracy"] == pytest.approx(model.record.score.value)
    history = client.get_metric_history(found.info.run_id, "training/mlp/1 of 2/loss")
    epochs = [each for each in noted.of("epoch") if each[0] == FIRST]
    assert [(each.step, each.value) for each in history] == [
        (at, pytest.approx(m["loss"])) for _, at, m in epochs
    ]
    assert (home / "mlruns").is_dir()
    top = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert {"report.html", "README.md", "pictures"} <= top
    pictures = client.list_artifacts(found.info.run_id, "pictures")
    assert len(pictures) == len(noted.of("picture"))


def test_a_fit_that_fails_is_told_and_marked(kept: tuple[Noted, Path, Any], tmp_path: Path) -> None:
    from mlflow import MlflowClient

    noted, store = Noted(), f"sqlite:///{kept[1]}/mlflow.db"
    with pytest.raises(preseason.PreseasonError):
        preseason.fit(tmp_path, callbacks=[noted])
    assert [kind for kind, _ in noted.told] == ["started", "failed"]
    (tmp_path / "data").mkdir()
    logs = ["--log-to", f"mlflow:{store}", "--log-to", f"tensorboard:{tmp_path / 'logs'}"]
    assert run(["fit", str(tmp_path / "data"), "-o", str(tmp_path / "failing"), "-q", *logs]) == 3
    client = MlflowClient(store)
    runs = client.search_runs([client.get_experiment_by_name("preseason").experiment_id])
    assert {each.info.run_name: each.info.status for each in runs}["failing"] == "FAILED"
    assert list((tmp_path / "logs").glob("failing-*/events.out.*"))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("tensorbord", "No experiment tracker is called 'tensorbord'. Did you mean 'tensorboard'?"),
        (":runs", "':runs' names no experiment tracker: expected one of mlflow, tensorboard."),
    ],
)
def test_an_unknown_tracker_is_refused(where: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        tracker(where)


def test_a_tracker_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preseason.errors.packages.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"preseason\[tensorboard\]"):
        tracker("tensorboard")


def test_two_fits_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    assert tensorboard._free(tmp_path / "m") == tmp_path / "m-2"
