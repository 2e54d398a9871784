"""A finder that is served is fitted again with corrected boxes, compared, and taken or left."""

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import preseason
import tiny_pitches
from preseason.errors import UsageError
from preseason.serving.app import Settings, create_app
from preseason.serving.hosting import Runtime
from serving_tools import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
WIDE, HIGH = tiny_pitches.SIZE
REFIT = "/v1/models/finder/refit"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> Path:
    """Labelled pitches, and a finder that was fitted on them for a few steps."""
    root = tmp_path_factory.mktemp("refitting")
    tiny_pitches.write(root / "boxes", 6)
    preseason.fit(root / "boxes", root / "finder", folds=2, epochs=1, budget_s=4)
    return root


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[httpx.Client]:
    """A server of a copy of the finder, which is replaced in the end."""
    finder = shutil.copytree(place / "finder", place / "served" / "finder")
    settings = Settings(
        corrections=place / "kept", refit_data=place / "boxes", watch=False, where=Runtime("cpu", None)
    )
    with serving({"finder": finder}, settings) as client:
        yield client


def corrected(client: httpx.Client, seed: int, label: str = "") -> None:
    """Keep a new pitch with its boxes, of which the first is of another class where one is named."""
    picture, things = tiny_pitches.pitch(seed)
    path = Path(f"{seed}.png")
    boxes = [
        {"label": (label if label and place == 0 else tiny_pitches.LABELS[number]),
         "x0": x0 / WIDE, "y0": y0 / HIGH, "x1": x1 / WIDE, "y1": y1 / HIGH}
        for place, (number, x0, y0, x1, y1) in enumerate(things)
    ]  # fmt: skip
    content = BytesIO()
    picture.save(content, "PNG")
    kept = client.post(
        "/v1/corrections", files={"file": (path.name, content.getvalue())}, data={"boxes": json.dumps(boxes)}
    )
    assert kept.status_code == 200, kept.text


def fitted_again(client: httpx.Client) -> dict[str, Any]:
    """Ask until it is fitted; while it is, the old one answers."""
    seen = []
    while (reply := client.post(REFIT, json={"wait_s": 1})).status_code == 202:
        seen.append(reply.json()["stage"])
        assert client.get("/v1/models/finder").status_code == 200
    assert reply.status_code == 200, reply.text
    assert any(seen), "what it is at is told"
    told: dict[str, Any] = reply.json()
    return told


def test_a_server_says_what_a_refit_needs(place: Path, model_folder: Path, tmp_path: Path) -> None:
    settings = Settings(refit_data=place / "boxes")
    with pytest.raises(UsageError, match="add --corrections FOLDER"):
        create_app({"finder": place / "finder"}, settings)
    kept = Settings(refit_data=place / "boxes", corrections=tmp_path)
    with pytest.raises(UsageError, match="of one finder; 0 of the models are finders"):
        create_app({"games": model_folder}, kept)
    with pytest.raises(UsageError, match="there is no such file or folder"):
        create_app({"finder": place / "finder"}, Settings(refit_data=tmp_path / "no", corrections=tmp_path))
    with serving({"finder": place / "finder"}, Settings(corrections=tmp_path)) as client:
        assert client.get("/v1/session").json()["refit"] is False
        reply = client.post(REFIT)
        assert reply.status_code == 403
        assert "start it with --corrections FOLDER, and --refit-data" in reply.json()["error"]["message"]


def test_a_finder_is_fitted_again_with_corrections_and_compared(client: httpx.Client, place: Path) -> None:
    assert client.get("/v1/session").json()["refit"] is True
    assert client.post(REFIT).json()["error"]["message"].startswith("No boxes of finder were put right yet")
    assert client.put(REFIT).status_code == 409
    manifest = place / "served" / "finder" / "preseason.json"
    for seed in (30, 31):
        corrected(client, seed, "referee")
    before = manifest.read_bytes()
    told = fitted_again(client)
    assert told["pictures"] == 2
    for each in (told["before"], told["after"]):
        assert 0 <= each["ap"] <= each["ap50"] <= 1
        assert each["faults"] > 0
    assert told["before"] != told["after"]
    assert client.post(REFIT).json() == told, "what is done is not done again"
    assert manifest.read_bytes() == before, "nothing is used that nobody asked for"


@pytest.mark.browser
def test_the_page_compares_both_and_a_person_chooses(
    browser: "Browser", client: httpx.Client, place: Path, tmp_path: Path
) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda each: complaints.append(str(each)))
    page.goto(str(client.base_url))
    page.wait_for_selector("body[data-ready]")
    page.get_by_role("button", name="Fit again with the corrections").click()
    page.get_by_text("On 2 corrected pictures;").wait_for(timeout=120_000)
    assert page.locator("#refit-table tbody tr").count() == 3
    page.screenshot(path=tmp_path / "refit.png", full_page=True)
    page.get_by_role("button", name="Use the new one").click()
    page.get_by_text("The new one answers now.").wait_for()
    assert "referee" in page.locator("#ask-about").inner_text()
    page.close()
    assert complaints == []
    assert client.delete(REFIT).json() == {"model": "finder", "taken": False}
    assert client.put(REFIT).status_code == 409
    new = preseason.load(place / "served" / "finder")
    assert sorted(new.labels) == ["ball", "player", "referee"]
    assert new.record.examples == 8
    assert client.get("/v1/models/finder").json()["labels"] == list(new.labels)
