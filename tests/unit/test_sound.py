"""Sounds to waves, and waves to spectrograms."""

from pathlib import Path

import numpy as np
import pytest

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.recording_names import grouped
from preseason.errors import MediaError
from preseason.inference import waves
from preseason.media import mel, sound, video
from tones import RATE, chirp, rustle, tone, write_coded, write_wav

CODED = (
    ("a.mp3", "libmp3lame", None, RATE),
    ("a.opus", "libopus", None, 48_000),
    ("a.ogg", "flac", "ogg", RATE),
    ("a.flac", "flac", None, RATE),
    ("a.m4a", "aac", "ipod", RATE),
    ("b.m4a", "aac", "mp4", RATE),
    ("a.aac", "aac", "adts", RATE),
    ("a.webm", "libopus", None, 48_000),
    ("a.mka", "aac", "matroska", RATE),
    ("a.amr", "libopencore_amrnb", "amr", 8_000),
    ("a.wma", "wmav2", "asf", 44_100),
)

DIGITS = [f"{digit}_{who}_{take}.wav" for digit in "0123" for who in ("theo", "jackson") for take in range(3)]
COMMANDS = [
    f"{word}_{who}_nohash_0.wav" for word in ("go", "no", "on", "up") for who in ("0a7c2a8d", "1b4c9689")
]
CUTTINGS = [f"{1 + source % 2}-{source}-{take}.ogg" for source in range(4997, 5003) for take in "AB"]


@pytest.mark.parametrize(("name", "codec", "container", "rate"), CODED)
def test_every_format_is_a_sound_by_its_content_and_never_a_clip(
    tmp_path: Path, name: str, codec: str, container: str | None, rate: int
) -> None:
    made = chirp(300, 900)
    path = write_coded(tmp_path / name, codec, made, container, rate)
    assert sound.check(path) is None
    assert video.check(path) is not None
    heard = sound.read(path)
    assert abs(len(heard) - len(made)) < 0.2 * RATE
    assert sound.facts(path).rate == rate
    # Delays of coders are known to most containers; bare AAC has none, and WMA's first frame gives nothing.
    likeness = np.correlate(heard, made, "full")
    assert abs(int(likeness.argmax()) - len(made) + 1) < (0.07 if name in ("a.aac", "a.wma") else 0.01) * RATE


def test_another_name_changes_nothing(tmp_path: Path) -> None:
    path = write_coded(tmp_path / "a.mp3", "libmp3lame", tone(440))
    path.rename(tmp_path / "talk.bin")
    assert sound.check(tmp_path / "talk.bin") is None
    (tmp_path / "b.wav").write_text("not a sound", "utf-8")
    assert sound.check(tmp_path / "b.wav") == "a text file saved as .wav, not a sound"
    (tmp_path / "c.wav").write_bytes(b"")
    assert "0 bytes" in str(sound.check(tmp_path / "c.wav"))


def test_stereo_that_cancels_out_is_heard(tmp_path: Path) -> None:
    left = tone(500)
    path = write_wav(tmp_path / "a.wav", left, -left)
    assert np.abs(sound.read(path)).max() > 0.4
    both = write_wav(tmp_path / "b.wav", left, left)
    assert sound.read(both) == pytest.approx(left, abs=1e-4)


def test_telephone_sound_is_brought_to_the_rate_of_networks(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(440, rate=8000), rate=8000)
    heard = sound.read(path)
    assert abs(len(heard) - RATE) < 50
    assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(440, abs=2)


def test_spans_and_streams_hear_what_the_whole_has(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", chirp(200, 4000, 3.4))
    whole = sound.read(path)
    assert sound.read(path, (1.0, 2.5)) == pytest.approx(whole[RATE : round(2.5 * RATE)])
    pieces = list(sound.stream(path))
    assert [len(piece) for piece in pieces] == [RATE, RATE, RATE, round(0.4 * RATE)]
    assert np.concatenate(pieces) == pytest.approx(whole)
    later = np.concatenate(list(sound.stream(path, start_s=1.25)))
    assert later == pytest.approx(whole[round(1.25 * RATE) :], abs=1e-6)
    with pytest.raises(MediaError, match="without anything from 9"):
        sound.read(path, (9.0, 10.0))


def test_a_long_file_is_jumped_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_coded(tmp_path / "a.flac", "flac", chirp(200, 4000, 12))
    whole = sound.read(path)
    monkeypatch.setattr(sound, "CACHED_S", 1.0)
    assert sound.read(path, (8.5, 9.0)) == pytest.approx(whole[round(8.5 * RATE) : 9 * RATE], abs=1e-4)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    path = write_coded(tmp_path / "a.flac", "flac", rustle(4))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(MediaError, match=r"cut short: 1\.\d of 4\.0 s are there"):
        sound.read(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(MediaError):
        sound.read(path)


def test_silence_and_clipping_are_told() -> None:
    assert sound.fault_of(np.zeros(RATE, np.float32)) == "silent"
    assert "clipped" in sound.fault_of(np.clip(8 * tone(440), -1, 1))
    assert sound.fault_of(tone(440)) == ""


def test_mel_bands_are_those_of_transformers() -> None:
    audio = pytest.importorskip("transformers.audio_utils")
    own = mel.Mel(window=400, fft=512, bands=40, low=100, high=7000, power=1)
    theirs = audio.spectrogram(
        chirp(200, 3000).astype(np.float64),
        audio.window_function(400, "hann", periodic=True),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=1.0,
        center=False,
        mel_filters=audio.mel_filter_bank(257, 40, 100, 7000, 16000, None, "htk", True),
    )
    assert mel.energies(chirp(200, 3000), own) == pytest.approx(theirs.T, rel=1e-3, abs=1e-4)


def test_a_spectrogram_shows_high_notes_above_and_late_ones_right() -> None:
    shown = mel.picture(np.concatenate([tone(300), tone(3000)]), 64, 100)[..., 0]
    assert shown.shape == (64, 100)
    early, late = shown[:, 25].argmax(), shown[:, 75].argmax()
    assert early > late + 20
    assert mel.picture(np.zeros(RATE, np.float32), 8, 8).max() == 0
    assert mel.picture(np.ones(3, np.float32), 8, 8).shape == (8, 8, 3)


def test_a_narrow_range_hides_the_noise_of_a_quiet_room() -> None:
    usual, narrow = mel.pictures_of(tone(440) + 0.01 * rustle(), 64, 100, (0.0, 30.0))[..., 0]
    assert (usual == mel.picture(tone(440) + 0.01 * rustle(), 64, 100)[..., 0]).all()
    assert (usual == 0).mean() < 0.2
    assert (narrow == 0).mean() > 0.8
    assert narrow.max() > 200


def test_windows_lie_from_first_to_last_and_short_sounds_in_the_middle() -> None:
    wave = np.arange(10, dtype=np.float32)
    assert waves.spread(wave, 3, 4).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert waves.spread(wave[:2] + 1, 1, 6).tolist() == [[0, 0, 1, 2, 0, 0]]
    assert waves.chained(wave, 2, 4).tolist() == [[0, 1, 8, 9]]
    assert waves.chained(wave, 2, 12).shape == (1, 12)


def test_hidden_bands_and_times_are_gone() -> None:
    both = tone(400) + tone(2500)
    assert waves.hidden(both, "band 2000 4000", RATE) == pytest.approx(tone(400), abs=0.1)
    assert np.abs(waves.hidden(both, "time 0.5 1", RATE)[RATE // 2 :]).max() < 0.01


def test_views_keep_the_length() -> None:
    wave = tone(440)
    views = waves.all_views(wave, waves.wave_views(4), RATE)
    assert {len(view) for view in views} == {len(wave)}
    assert views[0] is wave
    assert all(not np.allclose(view, wave) for view in views[1:])


@pytest.mark.parametrize(
    ("names", "kind", "count"),
    [
        (DIGITS, "speaker", 2),
        (COMMANDS, "speaker", 2),
        (CUTTINGS, "recording", 6),
        ([f"rain_{take}.wav" for take in range(20)], "", 0),
        ([f"IMG_{20210000 + take}.wav" for take in range(20)], "", 0),
    ],
)
def test_names_tell_speakers_and_recordings(names: list[str], kind: str, count: int) -> None:
    labels = ["rain" if "-5" in name or name.startswith(("0", "1_", "go", "on")) else "dog" for name in names]
    samples = tuple(Sample(File(Path(name)), label) for name, label in zip(names, labels, strict=True))
    found = grouped(Dataset(Path(), "folders", samples, ("dog", "rain")))
    groups = {sample.group for sample in found.samples} - {None}
    assert len(groups) == count
    assert all(group.startswith(kind) for group in groups if group)
    assert bool(found.notes) == bool(count)
