"""The page for sounds in a browser: a file is drawn and can be played, the microphone is answered."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import preseason
from preseason.serving.app import Settings
from serving_tools import serving
from tones import rustle, three_kinds, tone, write_wav

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    three_kinds(folder / "kinds", 8)
    for number in range(8):
        write_wav(folder / "kinds/background" / f"{number}.wav", rustle(1.0, number))
    three_kinds(folder / "new", 1, seed=9)
    # What Chromium plays as the microphone, over and over.
    write_wav(folder / "microphone.wav", tone(2000, 4.0))
    preseason.fit(
        folder / "kinds", folder / "model", backbone="efficientnet_lite0", head="moments", unfreeze="0"
    )
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[httpx.Client]:
    with serving({"whistles": folder / "model"}, Settings()) as client:
        yield client


@pytest.fixture
def page(server: httpx.Client, folder: Path) -> Iterator["Page"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--use-fake-ui-for-media-stream"]
    arguments += [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
    ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_context(permissions=["microphone"]).new_page()
        complaints: list[str] = []
        page.on("console", lambda each: complaints.append(each.text) if each.type == "error" else None)
        page.on("pageerror", lambda each: complaints.append(str(each)))
        page.goto(str(server.base_url))
        page.wait_for_selector("body[data-ready]")
        yield page
        browser.close()
        assert complaints == []


def until(page: "Page", holds: str) -> None:
    """Wait until an expression holds; the page's own rules keep the browser's way of waiting out."""
    for _ in range(600):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{holds}\n{page.inner_text('main')}")


def test_a_file_is_drawn_and_can_be_played(page: "Page", folder: Path) -> None:
    sounds = sorted((folder / "new").rglob("*.wav"))
    page.set_input_files("#ask-input", [str(path) for path in sounds])
    until(page, f"document.querySelectorAll('.answer audio').length === {len(sounds)}")
    until(page, "[...document.querySelectorAll('.answer audio')].every(a => a.duration > 0.5)")
    drawn = """() => [...document.querySelectorAll('.heard canvas')].map(canvas => {
      const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      return new Set(seen.filter((_, place) => place % 4 === 1)).size;
    })"""
    until(page, f"({drawn})().every(shades => shades > 20)")
    assert page.locator(".answer strong").all_inner_texts() == [path.parent.name for path in sounds]


def test_the_microphone_is_answered_every_second(page: "Page") -> None:
    page.click("#listen-go")
    until(page, "document.querySelectorAll('#listen-log li').length >= 2")
    assert "high" in page.locator("#listen-log li b").all_inner_texts()
    page.click("#listen-go")
    heard = page.locator("#listen-log li").count()
    page.wait_for_timeout(2500)
    assert page.locator("#listen-log li").count() <= heard + 1
    assert page.locator("#listen-go").inner_text() == "Listen to the microphone"
