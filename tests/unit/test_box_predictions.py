"""What was found on pictures, as plain values."""

from pathlib import Path

from preseason.data.boxes import FoundBox
from preseason.data.dataset import File, Sample
from preseason.inference.answers import BoxPredictions


def found(label: str, score: float) -> FoundBox:
    return FoundBox(label, score, 0.1, 0.1, 0.2, 0.2)


def test_a_box_counts_from_the_threshold_of_its_class_on() -> None:
    boxes = (found("ball", 0.3), found("ball", 0.29), found("post", 0.5), found("post", 0.49))
    sample = Sample(File(Path("a.jpg")), boxes=())
    answers = BoxPredictions((sample,), ("ball", "post"), (boxes,), (0.3, 0.5))
    assert answers.counted() == ((boxes[0], boxes[2]),)
    even = BoxPredictions((sample,), ("ball", "post"), (boxes,))
    assert even.counted() == ((boxes[2],),)
