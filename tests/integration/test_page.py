"""The page in a real browser: what people see, from the keyboard, on a phone, in light and dark."""

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from preseason.cli.demo_pictures import Pictures
from preseason.serving.app import Settings
from serving_tools import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOCUSABLE = "a[href], button:not([disabled]), input, select, textarea, summary, [tabindex='0']"
UNREACHED = """(focusable) => {
  const stops = [...document.querySelectorAll(focusable)]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }));
  const chosen = (each) => document.querySelector(`[name=${each.name}]:checked`);
  const stop = (each) => each.type === "radio" ? chosen(each) : each;
  return stops.filter((each) => !window.reached.has(stop(each))).map((each) => each.outerHTML);
}"""
DROP = """([name, data]) => {
  const carried = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  carried.items.add(new File([bytes], name));
  const dropped = new DragEvent("drop", { dataTransfer: carried, bubbles: true });
  document.getElementById("ask-files").dispatchEvent(dropped);
}"""
COLOURS = """(element) => {
  let behind = element;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
  return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
    .map((colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number));
}"""
SETTINGS = {"phone": {"viewport": {"width": 390, "height": 844}}, "dark": {"color_scheme": "dark"}}


@pytest.fixture(scope="module")
def corrections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corrections")


@pytest.fixture(scope="module")
def server(
    model_folder: Path,
    mood_folder: Path,
    actions: Path,
    talker: Path,
    corrections: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    # A copy: the page teaches it somebody new.
    games = shutil.copytree(model_folder, tmp_path_factory.mktemp("taught") / "games")
    folders = {"games": games, "mood": mood_folder, "actions": actions, "fan": talker}
    with serving(folders, Settings(corrections=corrections)) as client:
        yield client


@pytest.fixture
def page(browser: "Browser", server: httpx.Client, request: pytest.FixtureRequest) -> "Iterator[Page]":
    """The page, opened; what it asks for stays on this machine, and it complains of nothing."""
    chosen = SETTINGS.get(getattr(request, "param", ""), {})
    context = browser.new_context(**chosen)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.on(
        "console", lambda each: complaints.append(each.text) if each.type in ("warning", "error") else None
    )
    page.on("pageerror", lambda each: complaints.append(str(each)))
    page.goto(str(server.base_url))
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {
        "127.0.0.1"
    }
    assert complaints == []


def picture_of(pictures: Pictures, game: str) -> Path:
    return min((pictures.new_photos / game).iterdir())


def test_photos_that_are_dropped_are_answered_and_put_right(
    page: "Page", pictures: Pictures, corrections: Path
) -> None:
    photo = picture_of(pictures, "boxing")
    page.evaluate(DROP, [photo.name, base64.b64encode(photo.read_bytes()).decode()])
    answer = page.locator("#answers .answer")
    answer.locator(".head strong").wait_for()
    assert answer.locator(".name").inner_text() == photo.name
    assert answer.locator(".bars tr").count() == 5
    assert "training examples" in answer.locator(".near").inner_text()
    answer.get_by_label("Right label of").select_option("another label …")
    answer.get_by_label("New label").fill("Sonny Liston")
    answer.get_by_role("button", name="Keep").click()
    answer.get_by_text("Kept as Sonny Liston").wait_for()
    assert [each.read_bytes() for each in corrections.glob("games/Sonny Liston/*")] == [photo.read_bytes()]


def test_a_file_that_is_no_picture_is_told_beside_the_others(
    page: "Page", pictures: Pictures, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    page.set_input_files("#ask-input", [notes, picture_of(pictures, "tennis")])
    page.get_by_text("2 answers.").wait_for()
    assert "not an image" in page.locator(".answer.failed").inner_text()
    assert page.locator(".answer .head").count() == 1


def test_texts_are_answered_with_the_words_that_counted(page: "Page") -> None:
    page.locator(".chip", has_text="mood").click()
    page.locator("#ask-text").fill("great goal\nawful referee")
    page.get_by_role("button", name="Ask").click()
    page.get_by_text("2 answers.").wait_for()
    assert page.locator(".answer blockquote").all_inner_texts() == ["great goal", "awful referee"]
    assert page.locator(".answer .head").count() == 2


def test_somebody_new_is_taught_from_a_few_photos(
    page: "Page", pictures: Pictures, server: httpx.Client
) -> None:
    game = min(pictures.strangers.iterdir())
    photos = sorted(game.iterdir())[:4]
    page.locator("#teach summary").click()
    page.locator("#teach-name").fill(game.name)
    page.set_input_files("#teach-input", photos)
    page.get_by_role("button", name="Teach").click()
    page.locator("#teach-said", has_text=game.name).wait_for()
    page.set_input_files("#ask-input", photos[0])
    page.locator("#answers .head").wait_for()
    assert page.locator("#answers .head strong").inner_text() == game.name
    reply = server.post("/v1/predict", data={"model": "games"}, files={"file": photos[0].read_bytes()})
    assert reply.json()["predictions"][0]["label"] == game.name


def test_a_match_is_watched_looked_through_and_tagged(
    page: "Page", match: tuple[Path, list[tuple[float, str]]], tmp_path: Path
) -> None:
    path, events = match
    page.locator("#tabs").get_by_text("Watch").click()
    page.set_input_files("#match-input", path)
    page.locator("#match-room").wait_for()
    until(page, "document.getElementById('video').duration > 39")
    page.locator("#spot-go").click()
    page.locator("#spot-said", has_text="found.").wait_for()
    found = page.locator("#found li")
    assert found.count() > 0.5 * len(events)
    assert page.locator("#timeline").get_by_text("jump").count() >= 1
    found.first.locator(".go").click()
    first = clock_s(found.first.locator(".go").inner_text())
    assert abs(page.evaluate("document.getElementById('video').currentTime") - max(first - 2, 0)) < 1.1
    for at in [at for at, label in events if label == "jump"][:2]:
        page.evaluate("(at) => { document.getElementById('video').currentTime = at; }", at)
        page.locator("body").press("1")
    assert page.locator("#marks li").count() == 2
    page.locator("#alike").click()
    page.locator("#tag-said", has_text="to judge").wait_for()
    shown = page.locator("#suggestions li").count()
    assert shown > 3
    page.locator("body").press("a")
    page.locator("#marks li").nth(2).wait_for()
    page.locator("body").press("r")
    page.locator("#tag-said", has_text="Refitted").wait_for()
    with page.expect_download() as download:
        page.locator("#save").click()
    table = Path(download.value.path()).read_text("utf-8")
    assert table.count("goal") == 3
    assert path.name in table


def until(page: "Page", holds: str) -> None:
    """Wait for what no element shows; the page's own rules forbid Playwright to wait for a script there."""
    end = time.monotonic() + 30
    while not page.evaluate(holds):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(50)


def clock_s(text: str) -> float:
    """Seconds of a time as the page writes it."""
    return sum(60**place * float(part) for place, part in enumerate(reversed(text.split(":"))))


def test_a_chat_model_talks_and_begins_anew(page: "Page") -> None:
    page.locator("#tabs").get_by_text("Talk").click()
    page.locator("#talk-text").fill("Who scored in match 3?")
    page.keyboard.press("Enter")
    page.locator("#log .assistant").wait_for()
    page.locator("#talk-stop").wait_for(state="hidden")
    said = page.locator("#log .assistant").inner_text()
    assert said not in ("", "…")
    assert page.locator("#log .user").inner_text() == "Who scored in match 3?"
    page.get_by_role("button", name="New conversation").click()
    assert page.locator("#log p").count() == 0


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_a_phone_never_scrolls_sideways(page: "Page", pictures: Pictures) -> None:
    page.set_input_files("#ask-input", picture_of(pictures, "ice_hockey"))
    page.locator("#answers .head").wait_for()
    page.locator("#teach summary").click()
    for tab in ("Ask", "Talk", "Watch"):
        page.locator("#tabs").get_by_text(tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_keyboard_reaches_everything(page: "Page", pictures: Pictures) -> None:
    page.set_input_files("#ask-input", picture_of(pictures, "boxing"))
    page.locator("#answers .head").wait_for()
    page.locator("#teach summary").press("Enter")
    page.evaluate("window.reached = new Set(); document.activeElement.blur()")
    for _ in range(40):
        page.keyboard.press("Tab")
        page.evaluate("window.reached.add(document.activeElement)")
    assert page.evaluate(UNREACHED, FOCUSABLE) == []
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"


@pytest.mark.parametrize("page", ["", "dark"], indirect=True, ids=["light", "dark"])
def test_light_and_dark_can_be_read(page: "Page", pictures: Pictures) -> None:
    page.set_input_files("#ask-input", picture_of(pictures, "boxing"))
    page.locator("#answers .head").wait_for()
    paper = luminance(page.locator("body").evaluate(COLOURS)[1])
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert paper < 0.1 if dark else paper > 0.8
    for place in ("h1", "#ask-about", ".button.main", "#answers strong", "#answers .name", ".bars .num"):
        ink, behind = (luminance(each) for each in page.locator(f"#ask {place}").first.evaluate(COLOURS))
        contrast = (max(ink, behind) + 0.05) / (min(ink, behind) + 0.05)
        assert contrast >= 4.5, place


def luminance(colour: list[float]) -> float:
    """Relative luminance of sRGB in 0 to 255, as WCAG 2 defines it."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
