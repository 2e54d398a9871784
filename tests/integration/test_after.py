"""The verbs after a fit, on a small model of pictures."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import preseason
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run

pytestmark = pytest.mark.slow


def spoken(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:  # type: ignore[type-arg]
    code = run([*arguments, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_next_names_what_is_new_and_sorts_it_into_folders(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = sorted(pictures.photos.glob("*/*"))[:3]
    loose = tmp_path / "loose"
    shutil.copytree(pictures.new_photos, loose)
    for number, path in enumerate(learnt):
        shutil.copy(path, loose / f"learnt{number}{path.suffix}")
    one = sorted(pictures.new_photos.glob("*/*"))[0]
    shutil.copy(one, loose / f"a-copy{one.suffix}")
    contents = {path.read_bytes() for path in pictures.photos.glob("*/*")}
    known = sum(path.read_bytes() in contents for path in loose.rglob("*.*"))
    sorted_into = tmp_path / "to-sort"
    code, told = spoken(["next", str(model_folder), str(loose), "-n", "6", "-o", str(sorted_into)], capsys)
    assert code == 0
    assert (told["known"], told["copies"], len(told["suggestions"])) == (known, 1, 6)
    assert known >= 3
    assert all(Path(path).is_file() for path in told["files"])
    assert len(list(sorted_into.glob("*/*"))) == 6
    again = preseason.read(sorted_into)
    assert len(again.dataset.samples) == 6


def test_a_table_of_what_to_label_is_one_that_fit_reads(
    model_folder: Path, pictures: Pictures, tmp_path: Path
) -> None:
    table = tmp_path / "lists" / "next.csv"
    assert run(["next", str(model_folder), str(pictures.new_photos), "-n", "5", "-o", str(table), "-q"]) == 0
    assert len(preseason.read(table).dataset.samples) == 5


def test_next_refuses_a_full_folder_and_what_it_knows_already(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("notes")
    new = str(pictures.new_photos)
    code, told = spoken(["next", str(model_folder), new, "-n", "2", "-o", str(tmp_path)], capsys)
    assert code == 2
    assert "not empty" in told["error"]["message"]
    code, told = spoken(["next", str(model_folder), str(pictures.photos)], capsys)
    assert code == 3
    assert "already trained on all 96 photos" in told["error"]["message"]


def test_explanations_are_steady_and_change_with_the_weights(model_folder: Path, pictures: Pictures) -> None:
    """Adebayo et al. 2018: what survives random weights explains the picture, not the model."""
    from scipy.stats import spearmanr

    model = preseason.load(model_folder)
    rng = np.random.default_rng(0)
    (fitted,) = model.predictor.candidates
    shuffled = tuple(replace(head, weight=rng.permutation(head.weight)) for head in fitted.fold_models)
    predictor = replace(model.predictor, candidates=(replace(fitted, fold_models=shuffled),))
    other = replace(model, predictor=predictor)
    alike = []
    for path in sorted(pictures.new_photos.glob("*/*"))[:12:6]:
        why, again, changed = (each.explain(path).weights for each in (model, model, other))
        assert why == pytest.approx(again, abs=1e-5)
        assert len(set(np.round(changed, 6))) > 10, "a flat map would prove nothing"
        alike.append(float(spearmanr(why, changed).statistic))
    assert abs(np.mean(alike)) < 0.5


def test_explain_shows_the_nearest_where_the_data_still_lies(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = str(sorted(pictures.new_photos.glob("*/*"))[0])
    page, folder = tmp_path / "why.html", tmp_path / "heat"
    code, told = spoken(["explain", str(model_folder), asked, "-o", str(page)], capsys)
    assert code == 0
    (why,) = told["explanations"]
    assert (why["kind"], len(why["parts"])) == ("places", 49)
    assert all(Path(near["path"]).is_file() for near in why["neighbours"])
    assert [near["likeness"] for near in why["neighbours"]] == sorted(
        (near["likeness"] for near in why["neighbours"]), reverse=True
    )
    text = page.read_text("utf-8")
    assert text.count("data:image/jpeg") == 1 + len(why["neighbours"])
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert run(["explain", str(model_folder), asked, "-o", str(folder), "--quiet"]) == 0
    assert len(list(folder.glob("*.png"))) == 1


def test_compare_tells_what_may_be_chance_and_what_was_learnt_from(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    games = sorted(path.name for path in pictures.new_photos.iterdir())
    model = preseason.load(model_folder)
    smaller, _ = model.remove(games[0])
    smaller.save(tmp_path / "smaller")
    new = str(pictures.new_photos)
    code, told = spoken(["compare", str(tmp_path / "smaller"), str(model_folder), new], capsys)
    assert code == 0
    assert told["difference"]["difference"] == pytest.approx(
        told["metrics"][1]["accuracy"] - told["metrics"][0]["accuracy"]
    )
    assert told["difference"]["only_second"] > 0
    assert any("does not know" in warning for warning in told["warnings"])
    gained = [each for each in told["changed"] if each["second"] == each["truth"]]
    assert {each["truth"] for each in gained} >= {games[0]}
    code, told = spoken(["compare", str(model_folder), str(model_folder), str(pictures.photos)], capsys)
    assert told["learnt"][0] == told["metrics"][0]["n"]
    assert "no difference can be seen" in told["verdict"]


def test_a_post_mortem_names_strangers_and_draws_a_page(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corrected, page = tmp_path / "corrected", tmp_path / "page.html"
    shutil.copytree(pictures.new_photos, corrected)
    for number, path in enumerate(sorted(pictures.strangers.glob("*/*"))[:4]):
        (corrected / "newcomer").mkdir(exist_ok=True)
        shutil.copy(path, corrected / "newcomer" / f"{number}{path.suffix}")
    code, told = spoken(["post-mortem", str(model_folder), str(corrected), "-o", str(page)], capsys)
    assert code == 0
    wrong = round((1 - told["metrics"]["accuracy"]) * told["metrics"]["n"])
    assert len(told["mistakes"]) == wrong == sum(told["causes"].values())
    strangers = [each for each in told["mistakes"] if each["truth"] == "newcomer"]
    assert len(strangers) == 4
    assert {each["cause"] for each in strangers} == {"unknown"}
    assert any("newcomer" in repair["command"] for repair in told["repairs"])
    assert page.read_text("utf-8").count('<li class="card">') == wrong


def test_predict_tells_another_world_and_few_cannot_tell(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image, ImageFilter

    for path in sorted(pictures.photos.glob("*/*")):
        blurred = Image.open(path).convert("RGB").filter(ImageFilter.GaussianBlur(6))
        Image.eval(blurred, lambda value: value // 3).save(tmp_path / f"{path.parent.name}-{path.name}")
    code, told = spoken(["predict", str(model_folder), str(tmp_path)], capsys)
    assert (code, told["drift"]["verdict"]) == (0, "other")
    assert len(told["drift"]["label_first"]) == 12
    code, told = spoken(["predict", str(model_folder), str(pictures.photos)], capsys)
    assert told["drift"]["verdict"] == "same"
    one = str(sorted(pictures.photos.glob("*/*"))[0])
    code, told = spoken(["predict", str(model_folder), one], capsys)
    assert told["drift"]["verdict"] == "cannot tell"


def test_adapting_brings_darkened_pictures_back_and_says_what_it_moved(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    for path in sorted(pictures.new_photos.glob("*/*")):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        dark = Image.eval(Image.open(path).convert("RGB"), lambda value: value // 4)
        dark.save(tmp_path / path.parent.name / f"{path.stem}.png")
    code, told = spoken(["evaluate", str(model_folder), str(tmp_path), "--adapt"], capsys)
    assert code == 0
    assert told["adapted"]["change"]["moved"] > 0.05
    gain = told["adapted"]["metrics"]["accuracy"] - told["metrics"]["accuracy"]
    assert told["adapted"]["difference"]["difference"] == pytest.approx(gain)
    assert gain >= 0
    one = str(sorted(pictures.photos.glob("*/*"))[0])
    code, told = spoken(["predict", str(model_folder), one, "--adapt"], capsys)
    assert code == 2
    assert "at least 20 examples" in told["error"]["message"]
