"""Why an answer came out as it did, for people to look at: places in a picture, words of a text."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.arrays.rows import nearest_rows
from preseason.data.dataset import Sample
from preseason.report.pictures import jpeg, small, spotlight
from preseason.runtime.progress import Silent
from preseason.serving.batching import Answer

if TYPE_CHECKING:
    from preseason.models.classifier import Model

Explained = dict[str, Any]
MAX_WORDS = 200
"""Words of a text that are left out one by one; a longer text is not explained."""
SIDE = 640
NEAREST = 4


def explained(model: "Model", sample: Sample, answer: Answer) -> Explained:
    """Further fields of an answer: `looked` for pictures, `words` for texts."""
    words = model.job.modality.hides_words
    shown = _words(model, sample) if words else _cropped(model, sample, answer)
    return shown | _nearest(model, answer)


def _words(model: "Model", sample: Sample) -> Explained:
    if not 1 < len(str(sample.source).split()) <= MAX_WORDS:
        return {}
    # Given as a sample, since a text given by itself might be taken for a path.
    told = next(model.explanations([sample], None, Silent()))
    return {"words": [{"word": word, "weight": weight} for word, weight in told]}


def _nearest(model: "Model", answer: Answer) -> Explained:
    """The known examples that lie nearest: label, likeness, and the file's name, which a text has not."""
    known = model.known
    if answer.vector is None:
        return {}
    nearest, similarity = nearest_rows(known.vectors, answer.vector, NEAREST)
    return {
        "nearest": [
            {
                "label": known.labels[int(known.targets[place])],
                "likeness": round(float(alike), 4),
                "name": known.examples[place].name if known.examples else "",
            }
            for place, alike in zip(nearest, similarity, strict=True)
        ]
    }


def _cropped(model: "Model", sample: Sample, answer: Answer) -> Explained:
    """The picture with what counted kept bright, and the part that counted most in words."""
    spec = model.predictor.attention_spec()
    shown = model.job.picture(sample)
    if spec is None or answer.attention is None or shown is None:
        return {}
    boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for b in model.job.boxes(spec)], np.float32)
    picture = small(shown, SIDE)
    if picture is None or len(boxes) != len(answer.attention):
        return {}
    data = base64.b64encode(jpeg(spotlight(picture, boxes, answer.attention))).decode("ascii")
    return {"looked": f"data:image/jpeg;base64,{data}"}
