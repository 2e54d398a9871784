"""File names that are no text are written into a model folder and read back as they were."""

from dataclasses import replace
from pathlib import Path

import preseason
from preseason.data.dataset import Skipped
from preseason.models.loading import classifier


def test_a_name_that_is_no_utf_8_survives_saving(mood_folder: Path, tmp_path: Path) -> None:
    model = classifier(preseason.load(mood_folder), "add")
    odd = Skipped("M\udcfcller.jpg", "damaged")
    replace(model, record=replace(model.record, skipped=(odd,))).save(tmp_path / "m")
    again = classifier(preseason.load(tmp_path / "m"), "add")
    assert again.record.skipped == (odd,)
    assert "\\udcfc" in (tmp_path / "m" / "preseason.json").read_text("utf-8")
