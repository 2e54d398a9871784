"""A detector of transformers by its name: fitted, stopped, taken up again, saved, loaded, asked, judged."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import preseason
import tiny_detectors
import tiny_pitches
from preseason.cli.main import run
from preseason.errors import ExportError, UsageError
from preseason.fitting import whole_detector
from preseason.problems.base import problems

pytest.importorskip("transformers")


@pytest.mark.slow
def test_a_named_detector_goes_the_road_of_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_pitches.write(tmp_path / "boxes", 5)
    (data / "pitch-009.png").write_bytes((data / "pitch-000.png").read_bytes()[:900])
    (data / "pitch-009.txt").write_text("", "utf-8")
    net = tiny_detectors.write(tmp_path / "lw-net", "lw_detr")
    asked: dict[str, Any] = {
        "backbone": str(net), "folds": 2, "epochs": 1, "batch_size": 3, "budget_s": 300, "unfreeze": 0,
        "cache": str(tmp_path / "cache"),
    }  # fmt: skip
    trained: list[str] = []
    real = whole_detector.fine_tuned

    def stopped(*args: Any) -> Any:
        """Real training, which the second fold does not outlive."""
        done = real(*args)
        trained.append(args[-1].stage)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(whole_detector, "fine_tuned", stopped)
    with pytest.raises(KeyboardInterrupt):
        preseason.fit(data, tmp_path / "finder", **asked)
    assert len(list((tmp_path / "cache" / "fits").rglob("detector-*.pt"))) == 2
    model = preseason.fit(data, tmp_path / "finder", **asked)
    assert trained[2:] == [
        "training: fold 1 of 2", "training: fold 2 of 2", "training on everything",
        "training: random weights",
    ]  # fmt: skip
    monkeypatch.undo()
    figures = problems.get("detection").values(model.record.metrics)
    assert figures["n"] == 5
    assert "scratch" in model.record.baselines
    assert [Path(each.path).name for each in model.record.skipped] == ["pitch-009.png"]
    page = (tmp_path / "finder" / "report.html").read_text("utf-8")
    assert "its heads alone are trained" in (tmp_path / "finder" / "README.md").read_text("utf-8")
    assert "lw-net" in page
    loaded = preseason.load(tmp_path / "finder", cache=str(tmp_path / "cache"))
    pictures = [str(path) for path in sorted(data.glob("pitch-00[0-4].png"))]
    assert loaded.predict(*pictures).predictions == model.predict(*pictures).predictions
    judged = ["evaluate", str(tmp_path / "finder"), str(data), "--json", "-q"]
    with redirect_stdout(io.StringIO()) as out:
        assert run([*judged, "--cache", str(tmp_path / "cache")]) == 0
    assert json.loads(out.getvalue())["metrics"]["n"] == 5
    with pytest.raises(ExportError, match="not offered for a fine-tuned lw-net: `preseason serve`"):
        preseason.export(loaded, tmp_path / "graph", data=[data])
    with pytest.raises(UsageError, match="lw-net takes multiples of 32 pixels"):
        preseason.fit(data, tmp_path / "other", **(asked | {"image_size": 100}))
    with pytest.raises(UsageError, match="--unfreeze 4: the network has 3 blocks"):
        preseason.fit(data, tmp_path / "other", **(asked | {"unfreeze": 4}))


def test_photos_are_no_task_for_a_detector(tmp_path: Path) -> None:
    net = tiny_detectors.write(tmp_path / "net", "rf_detr")
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for seed in range(3):
            tiny_pitches.pitch(seed + 10 * (label == "b"))[0].save(
                tmp_path / "photos" / label / f"{seed}.png"
            )
    with pytest.raises(UsageError, match="takes detection input, but these are photos"):
        preseason.fit(tmp_path / "photos", tmp_path / "model", backbone=str(net), cache=str(tmp_path / "c"))
