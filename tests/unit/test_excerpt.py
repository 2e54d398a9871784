"""Sounds in reports: a short piece to play under each spectrogram, and not too many of them."""

import base64
import io
import wave
from pathlib import Path

import numpy as np

from preseason.data.dataset import File, Sample
from preseason.media.excerpt import RATE, excerpt
from preseason.report import pictures
from preseason.report.html import environment
from preseason.report.pictures import Album
from preseason.tasks.sounds import Sounds
from tones import RATE as FULL
from tones import rustle, tone, write_wav


def test_the_loudest_seconds_are_kept_at_their_pitch() -> None:
    sound = np.concatenate([0.01 * rustle(5.0), tone(1000, 2.0), 0.01 * rustle(5.0)])
    with wave.open(io.BytesIO(excerpt(sound, FULL))) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (RATE, 2 * RATE, 1)
        levels = np.frombuffer(file.readframes(2 * RATE), np.uint8) - 127.5
    loudest = int(np.abs(np.fft.rfft(levels)).argmax())
    assert abs(loudest * RATE / len(levels) - 1000) < 5
    assert np.abs(levels).max() > 100


def test_a_page_holds_so_many_excerpts_and_says_so_in_its_policy(tmp_path: Path) -> None:
    sample, job = Sample(File(write_wav(tmp_path / "a.wav", tone(500)))), Sounds()
    album = Album(job.picture, job.excerpt)
    shown = [album.thumbnail(sample) for _ in range(pictures.MAX_SOUNDS + 1)]
    heard = [each.sound for each in shown if each is not None and each.sound]
    assert len(heard) == album.sounds == pictures.MAX_SOUNDS
    assert base64.b64decode(heard[0].split(",")[1])[:4] == b"RIFF"
    macro = environment().from_string('{% from "parts.html" import player %}{{ player(shown) }}')
    assert "<audio" in macro.render(shown=shown[0])
    assert "<audio" not in macro.render(shown=shown[-1])
