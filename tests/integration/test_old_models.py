"""Models saved by earlier versions answer as they did then."""

from pathlib import Path

import pytest

import old_models
import preseason
from preseason.engine.networks import has_bf16

TASKS = sorted(path.name.removesuffix("_format_1.json") for path in old_models.FIXTURES.glob("*.json"))
TOLERANCE = {} if has_bf16() else {"texts": 2e-3}
"""Rows of texts were computed in bf16, which not every processor has; 1e-4 for all else."""
WAYS = [(task, way) for task in TASKS for way in old_models.recorded(task)]


def test_there_are_models_of_every_task_with_labels() -> None:
    assert TASKS == ["clips", "photos", "texts"]
    assert len(WAYS) == 14


@pytest.mark.parametrize(("task", "way"), WAYS)
def test_a_model_of_format_1_answers_as_it_did(task: str, way: str, tmp_path: Path) -> None:
    stored = old_models.recorded(task)[way]
    model = preseason.load(old_models.write_folder(stored, tmp_path / "model"))
    found = model.predict(*old_models.asked(task, tmp_path)).predictions
    assert [each.unknown for each in found] == [each["unknown"] for each in stored["answers"]]
    for now, then in zip(found, stored["answers"], strict=True):
        assert now.probabilities == pytest.approx(then["probabilities"], abs=TOLERANCE.get(task, 1e-4))
    assert list(model.labels) == stored["manifest"]["labels"]
