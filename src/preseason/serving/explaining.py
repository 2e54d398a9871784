"""Why an answer came out as it did, for people to look at: places in a picture, words of a text."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.data.dataset import Sample
from preseason.serving.batching import Answer

if TYPE_CHECKING:
    from preseason.model import Model

Explained = dict[str, Any]
MOST_WORDS = 200
"""Words of a text that are left out one by one; a longer text is not explained."""
SIDE = 640


def explained(model: "Model", sample: Sample, answer: Answer) -> Explained:
    """Further fields of an answer: `looked` for pictures, `words` for texts."""
    if isinstance(sample.source, str):
        return _words(model, sample.source)
    return _looked(model, sample, answer)


def _words(model: "Model", text: str) -> Explained:
    words = text.split()
    if not 1 < len(words) <= MOST_WORDS:
        return {}
    return {"words": [{"word": word, "weight": weight} for word, weight in model.explain(text)]}


def _looked(model: "Model", sample: Sample, answer: Answer) -> Explained:
    """The picture with what counted kept bright, and the part that counted most in words."""
    from preseason.report.pictures import jpeg, small, spotlight

    plan = model.predictor.focused()
    shown = model.job.picture(sample)
    if plan is None or answer.focus is None or shown is None:
        return {}
    boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for b in model.job.boxes(plan)], np.float32)
    picture = small(shown, SIDE)
    if picture is None or len(boxes) != len(answer.focus):
        return {}
    data = base64.b64encode(jpeg(spotlight(picture, boxes, answer.focus))).decode("ascii")
    return {"looked": f"data:image/jpeg;base64,{data}"}
