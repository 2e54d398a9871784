"""Labels of Audacity, selection tables of Raven, tables of folds; what names of classes mean."""

from pathlib import Path

import pytest

from preseason.data import layouts
from preseason.data.action_files import write
from preseason.data.actions import Action, LabelledVideo
from preseason.data.background import is_background
from preseason.data.dataset import File, Sample
from preseason.data.files import Columns
from preseason.media import sound
from preseason.tasks.reading import task_for
from preseason.tasks.sounds import Sounds
from tones import tone, write_coded, write_wav

ACCEPT = Sounds().accept


def test_audacity_labels_cut_sounds_out_of_the_recording_beside_them(tmp_path: Path) -> None:
    write_wav(tmp_path / "match.wav", tone(440, 6))
    lines = "0.5\t1.25\twhistle\n\\\t100\t200\n3,0\t3,0\tcheer\nno numbers\n"
    (tmp_path / "match.txt").write_text(lines, "utf-8")
    (tmp_path / "readme.txt").write_text("words\n", "utf-8")
    assert task_for(tmp_path).name == "sounds"
    found = layouts.read(tmp_path, ACCEPT)
    assert found.layout == "audacity"
    assert [(s.label, s.span, s.path.name) for s in found.samples] == [
        ("whistle", (0.5, 1.25), "match.wav"),
        ("cheer", (2.5, 3.5), "match.wav"),
    ]
    assert [skip.reason for skip in found.skipped] == [
        "line 4: expected start, end and label, parted by tabs"
    ]


def test_raven_selections_are_read_once_and_by_the_file_they_name(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 4))
    write_wav(tmp_path / "b.wav", tone(440, 4))
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n"
    rows = [
        "1\tWaveform 1\t1\t0.5\t1.0\ta.wav\t0.5\twhistle",
        "1\tSpectrogram 1\t1\t0.5\t1.0\ta.wav\t0.5\twhistle",
        "2\tSpectrogram 1\t1\t5.0\t6.0\tb.wav\t1.0\tcheer",
        "3\tSpectrogram 1\t1\t7.0\t6.0\tb.wav\t3.0\tcheer",
        "4\tSpectrogram 1\t1\t7.0\t8.0\tc.wav\t3.0\tcheer",
    ]
    (tmp_path / "all.Table.1.selections.txt").write_text(head + "\n".join(rows) + "\n", "utf-8")
    found = layouts.read(tmp_path, ACCEPT)
    assert found.layout == "raven"
    assert [(s.label, s.span, s.path.name) for s in found.samples] == [
        ("whistle", (0.5, 1.0), "a.wav"),
        ("cheer", (1.0, 2.0), "b.wav"),
    ]
    assert [skip.reason for skip in found.skipped] == [
        "row 5: begin and end are no seconds with begin before end",
        "row 6: its recording is not there",
    ]


def test_published_folds_are_groups(tmp_path: Path) -> None:
    for name in ("1-100-A-0.wav", "2-200-A-1.wav"):
        write_wav(tmp_path / "audio" / name, tone(440, 0.2))
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "collection.csv").write_text(
        "filename,fold,target,category\n1-100-A-0.wav,1,0,dog\n2-200-A-1.wav,2,1,rain\n3-x.wav,2,1,rain\n",
        "utf-8",
    )
    assert task_for(tmp_path).name == "sounds"
    found = layouts.read(tmp_path, ACCEPT)
    assert [(s.label, s.group) for s in found.samples] == [("dog", "fold 1"), ("rain", "fold 2")]
    assert "row 4 of collection.csv: there is no such file" in found.skipped[0].reason
    assert "--group says otherwise" in found.notes[0]


def test_a_folder_of_music_in_mp4_is_one_of_sounds(tmp_path: Path) -> None:
    for label in ("low", "high"):
        write_wav(tmp_path / label / "1.wav", tone(440, 0.3))
    assert task_for(tmp_path).name == "sounds"
    assert task_for(tmp_path, Columns(task="photos")).name == "photos"


@pytest.mark.parametrize("label", ["background", "Noise", "_background_noise_", "None", "silence", "other"])
def test_classes_that_stand_for_nothing(label: str) -> None:
    assert is_background(label)
    assert not is_background(f"{label} whistle")


def test_events_are_written_as_audacity_reads_them(tmp_path: Path) -> None:
    actions = (Action(3.0, "cheer", end_s=4.5), Action(1.0, "whistle"))
    write(tmp_path / "found.labels", [LabelledVideo(tmp_path / "a.wav", actions)])
    written = (tmp_path / "found.labels").read_text("utf-8")
    assert written == "1.000000\t1.000000\twhistle\n3.000000\t4.500000\tcheer\n"


def test_a_copy_in_another_format_is_a_copy_and_two_words_are_none(tmp_path: Path) -> None:
    first = write_wav(tmp_path / "a.wav", tone(440, 0.5))
    copied = write_coded(tmp_path / "b.flac", "flac", sound.read(first))
    other = write_wav(tmp_path / "c.wav", tone(445, 0.5))
    one, same, another = (Sounds().signature(Sample(File(path))) for path in (first, copied, other))
    assert one.essence == same.essence != another.essence
    assert one.thumbnail is None
    assert (
        Sounds().signature(Sample(File(write_wav(tmp_path / "d.wav", tone(440, 3.5))))).thumbnail is not None
    )
