"""Model folders that are damaged, in the way, or made for another machine."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

import preseason
from preseason.errors import ModelFolderError, UsageError


def test_a_model_never_replaces_a_folder_of_other_things(players: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.docx").write_text("years of work", "utf-8")
    with pytest.raises(ModelFolderError, match=r"not a preseason model .* it will not be replaced"):
        preseason.load(players).save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "thesis.docx").read_text("utf-8") == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_an_output_that_cannot_be_written_is_said(players: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ModelFolderError, match="cannot be written to"):
        preseason.load(players).save(tmp_path / "file" / "m")


@pytest.mark.parametrize(
    "name", ["heads.safetensors", "known.safetensors", "backbone/model.safetensors", "preseason.json"]
)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_model_folder_is_said(players: Path, tmp_path: Path, name: str, damage: str) -> None:
    model = Path(shutil.copytree(players, tmp_path / "m"))
    if damage == "gone":
        (model / name).unlink()
    else:
        os.truncate(model / name, (model / name).stat().st_size // 2)
    with pytest.raises(ModelFolderError):
        preseason.load(model)


def test_values_that_do_not_fit_together_are_said(players: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(players, tmp_path / "m"))
    manifest = json.loads((model / "preseason.json").read_text("utf-8"))
    manifest["predictor"]["candidates"][0]["fold_models"][0]["kind"] = "telepathy"
    (model / "preseason.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelFolderError, match="do not fit together"):
        preseason.load(model)
    manifest["format"] = 99
    (model / "preseason.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(
        ModelFolderError, match=r"has format 99; this preseason reads up to format 2\. Update"
    ):
        preseason.load(model)


def test_a_device_that_is_not_there_is_wrong_use_not_a_damaged_model(players: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UsageError, match="--device cuda"):
        preseason.load(players, device="cuda")
