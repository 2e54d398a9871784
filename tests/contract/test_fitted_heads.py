"""Every head of every task is fitted, saved, and answers the same when it is loaded."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

import preseason
from preseason.backbones.timm_networks import create
from preseason.tasks.base import tasks
from task_examples import ASKED, DATA

HEADS = [(name, head) for name in tasks for head in tasks.get(name).heads]


@pytest.fixture(scope="module")
def networks(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Settings that name a tiny network, for texts and for everything that is seen."""
    file = tmp_path_factory.mktemp("weights") / "network.safetensors"
    save_file(create("test_resnet").state_dict(), file)
    seen = {"backbone": "test_resnet", "weights": str(file), "image_size": 64}
    return dict.fromkeys(tasks, seen) | {"texts": {"backbone": str(encoder_folder)}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The examples of every task: fits on the same files share what the network makes of them."""
    return {name: DATA[name](tmp_path_factory.mktemp(name)) for name in tasks}


def test_every_task_has_examples() -> None:
    assert set(DATA) == set(ASKED) == set(tasks), "add a data set to tests/task_examples.py"


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "head"), HEADS)
def test_a_head_is_fitted_saved_and_answers_alike_when_loaded(
    name: str, head: str, networks: dict[str, dict[str, object]], data: dict[str, Path], tmp_path: Path
) -> None:
    model = preseason.fit(data[name], tmp_path / "model", head=head, **networks[name])
    assert all(candidate.accuracy is not None for candidate in model.record.candidates)
    asked = ASKED[name](data[name])
    one, other = (each.predict(asked)[0] for each in (model, preseason.load(tmp_path / "model")))
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-3)
