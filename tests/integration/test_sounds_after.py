"""What comes after the fit of a model of sounds: every verb, and a server that is sent sounds."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

import preseason
from preseason.cli.main import run
from preseason.data import labelled_videos
from preseason.media import sound
from serving_tools import serving
from tones import RATE, chirp, rustle, tone, write_coded, write_wav

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(listener: Path, tones: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a verb on the model and gives what `--json` prints."""

    def asked(verb: str, *words: str | Path) -> dict:  # type: ignore[type-arg]
        cache = ["--cache", str(tones / "cache")]
        code = run([verb, str(listener), *map(str, words), *cache, "--json", "-q"])
        told = capsys.readouterr()
        assert code == 0, told.err
        return dict(json.loads(told.out))

    return asked


@pytest.fixture(scope="module")
def server(listener: Path) -> Iterator[httpx.Client]:
    with serving({"tones": listener}) as client:
        yield client


def test_files_folders_and_cuts_named_by_a_table_are_predicted(ask, tones: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    long = write_wav(tmp_path / "long.wav", np.concatenate([tone(2000), tone(300), rustle()]))
    table = tmp_path / "cuts.csv"
    table.write_text("path,start,end\nlong.wav,0,1\nlong.wav,1,2\nlong.wav,2,3\n", "utf-8")
    found = [each["label"] for each in ask("predict", table)["predictions"]]
    assert found == ["high", "low", "background"]
    shutil.copy(tones / "new" / "rising" / "0.wav", tmp_path / "shown.wav")
    (tmp_path / "note.wav").write_text("no sound", "utf-8")
    told = ask("predict", tmp_path / "shown.wav", tmp_path / "note.wav")
    assert [each["label"] for each in told["predictions"]] == ["rising"]
    assert "not a sound" in told["skipped"][0]["reason"]
    assert long.exists()


def with_sound(video: Path, wave: np.ndarray, path: Path) -> Path:
    """The video with a sound track."""
    spoken = write_wav(path.with_suffix(".wav"), wave)
    with av.open(str(video)) as seen, av.open(str(spoken)) as heard, av.open(str(path), "w") as out:
        pictures = out.add_stream_from_template(seen.streams.video[0])
        track = out.add_stream("aac", rate=RATE)
        for packet in seen.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        for frame in heard.decode(audio=0):
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return path


def test_a_match_and_its_sound_track_are_searched_together(
    actions: Path, listener: Path, match: tuple[Path, list], tones: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    video, happens = match
    wave = rustle(max(at for at, _ in happens) + 3, 5)
    for second in (4, 15):
        wave[second * RATE : (second + 1) * RATE] = chirp(300, 2000, seed=second)
    path = with_sound(video, wave, tmp_path / "match.mp4")
    files = [tmp_path / f"found{suffix}" for suffix in (".csv", ".json", ".labels", ".html")]
    words = [
        actions,
        listener,
        path,
        *(word for file in files for word in ("-o", file)),
        "--cache",
        tones / "cache",
    ]
    assert run(["spot", *map(str, words), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    seen, heard = (
        [each for each in told["actions"] if each["model"] == str(model)] for model in (actions, listener)
    )
    alone = preseason.spot(preseason.load(listener, cache=str(tones / "cache")), path).actions
    assert [each["time_s"] for each in heard] == [round(each.time_s, 3) for each in alone]
    assert [round(each["time_s"]) for each in heard if each["label"] == "rising"] == [4, 15]
    assert len(seen) > 4
    times = [each["time_s"] for each in told["actions"]]
    assert times == sorted(times)
    table, results, labels, page = (file.read_text("utf-8") for file in files)
    assert "model" in table.splitlines()[0].split(",")
    assert {each["model"] for each in json.loads(results)["predictions"]} == {str(actions), str(listener)}
    assert len(labels.splitlines()) == len(times)
    assert page.count('class="model"') == 2
    assert page.count('class="found"') == len(times)
    assert len(labelled_videos.read(files[0], sound.check_track).videos[0].actions) == len(times)


def test_next_puts_what_is_strange_or_unsure_first(ask, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for number in range(3):
        write_wav(tmp_path / f"known{number}.wav", tone(300 + 10 * number, seed=50 + number))
    write_wav(tmp_path / "falling.wav", chirp(5000, 900, seed=3) + rustle(seed=3))
    reasons = [each["reason"] for each in ask("next", tmp_path)["suggestions"]]
    assert len(reasons) == 4
    assert not any("picture" in reason for reason in reasons)


def test_a_post_mortem_of_sounds_names_causes_and_tries_no_crops(ask, tones: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(tones / "new" / "low", tmp_path / "high")
    found = ask("post-mortem", tmp_path)
    assert len(found["mistakes"]) == 2
    assert found["repairs"]


def test_a_class_is_added_compared_and_removed(ask, tones: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for number in range(3):
        write_wav(tmp_path / "beeps" / f"{number}.wav", tone(5000 + 100 * number, seed=number))
    ask("add", "beep", tmp_path / "beeps", "-o", tmp_path / "more")
    told = ask("compare", tmp_path / "more", tones / "new")
    assert [each["n"] for each in told["metrics"]] == [6, 6]
    cache = ["--cache", str(tones / "cache"), "-q"]
    assert run(["remove", str(tmp_path / "more"), "beep", "-o", str(tmp_path / "fewer"), *cache]) == 0
    manifest = json.loads((tmp_path / "fewer" / "preseason.json").read_text("utf-8"))
    assert "beep" not in manifest["labels"]


def test_a_watched_folder_of_sounds_is_answered(ask, tones: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    drop = shutil.copytree(tones / "new" / "high", tmp_path / "drop")
    ask("watch", drop, "--once", "--stable-for", "0", "-o", tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_text("utf-8").count("high") >= 2


def test_a_server_answers_sounds_as_a_browser_records_them(server: httpx.Client, tmp_path: Path) -> None:
    spoken = write_coded(tmp_path / "spoken", "libopus", tone(2000, 1.5), "webm", 48_000)
    reply = server.post("/v1/predict", files={"file": ("at 0:01", spoken.read_bytes(), "audio/webm")})
    assert reply.json()["predictions"][0]["label"] == "high"
    (listed,) = server.get("/v1/models").json()["data"]
    assert (listed["viewer"], listed["background"]) == ("sound", ["background"])


def test_a_server_finds_events_in_the_sound_track_of_a_match(server: httpx.Client, tmp_path: Path) -> None:
    track = rustle(12.0, 5)
    track[5 * RATE : 6 * RATE] = tone(2000)
    sent = server.post("/v1/matches", params={"name": "m.mp4"}, content=match(tmp_path, track).read_bytes())
    asked, end = {"match": sent.json()["id"], "wait_s": 5}, time.monotonic() + 60
    while (reply := server.post("/v1/spot", json=asked)).status_code == 202:
        assert time.monotonic() < end
    (found,) = reply.json()["actions"]
    assert found["label"] == "high"
    assert abs(found["time_s"] - 5) < 0.8


def match(folder: Path, track: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> Path:
    """A grey video with a sound track."""
    path = folder / "match.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(len(track) * 5 // RATE):
            shown = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            shown.pts = number
            container.mux(pictures.encode(shown))
        container.mux(pictures.encode(None))
        for start in range(0, len(track), 1024):
            piece = av.AudioFrame.from_ndarray(
                track[None, start : start + 1024], format="fltp", layout="mono"
            )
            piece.sample_rate, piece.pts = RATE, start
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path
