"""What each section of the report shows, as plain values for its template; None leaves a section out."""

from typing import Any

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.dataset import Sample, Source
from preseason.evaluation.metrics import confusion, per_class, reliability, risk_coverage
from preseason.formatting import BASELINES, duration
from preseason.report import charts, words
from preseason.report import trust as trust_page
from preseason.report.pictures import Album, place_of
from preseason.results import CandidateResult, FitRecord

MAX_MISTAKES = 12
MAX_FOCUS_RIGHT = 8
MAX_FOCUS_WRONG = 4
MAX_CLUSTERS = 5
MAX_OF_CLUSTER = 3
MAX_SKIPPED = 12
MAX_MIXUPS = 8
MAX_BESIDE = 12
MAX_QUOTE = 400
CHOSEN_ON_THESE = (
    "The choice and the calibration rest on the same unseen answers as the accuracy, so that no example is "
    "wasted; the accuracy flatters by what little can be gained from choosing among so few."
)
CHOSEN_ON_OTHERS = "Chosen within the training part; the held-out part had no say."

View = dict[str, Any] | None


def headline(record: FitRecord, album: Album) -> dict[str, Any]:
    """The answer first: what was learnt, how often it is right, between which bounds."""
    score, noun = record.score, words.noun_of(record.task)
    right = round(score.value * score.n)
    grid, each = charts.dots(right, score.n - right)
    low, high = score.interval
    named = len(record.labels) <= 6
    return {
        "title": f"Tells {words.listed(record.labels) if named else f'{len(record.labels)} classes'} apart",
        "learnt": _learnt(record, noun),
        "accuracy": words.percent(score.value),
        "right_of": words.right_of(score, noun),
        "dots": grid if score.n else None,
        "each": f"one {noun}" if each == 1 else words.count(each, noun),
        "low": low * 100,
        "high": high * 100,
        "middle": score.value * 100,
        "marks": [(name, rate * 100) for name, rate in _marks(record)],
        "measured": score.n > 0,
        "delivered": words.delivered(record),
    }


def trust(record: FitRecord, album: Album) -> View:
    """What the checks found, a question each, then short verdicts, the careful ones first."""
    score, noun = record.score, words.noun_of(record.task)
    told = trust_page.warned(record)
    others = (line for line in record.warnings if line not in told)
    found = [words.Verdict("warn", "Careful", words.without_folders(line)) for line in others]
    found += [words.transfer(record), _sample_size(record, noun), _separation(record, noun)]
    if score.n:
        found += [_honesty(record), _weakest(record, noun)]
    order = {"warn": 0, "note": 1, "good": 2}
    return {
        "verdict": trust_page.verdict(record),
        "questions": trust_page.questions(record, album),
        "verdicts": sorted(found, key=lambda verdict: order[verdict.tone]),
    }


def data(record: FitRecord, album: Album) -> View:
    """Counts, what was left out, and what was there twice."""
    largest = max(record.counts.values(), default=1)
    return {
        "counts": [(name, n, 100 * n / max(largest, 1)) for name, n in record.counts.items()],
        "total": words.count(sum(record.counts.values()), words.noun_of(record.task)),
        "skipped": [
            (words.short_path(item.path), words.without_folders(item.reason)) for item in record.skipped
        ],
        "shown": MAX_SKIPPED,
        "clusters": [_cluster(cluster, album) for cluster in record.duplicates[:MAX_CLUSTERS]],
        "cluster_count": len(record.duplicates),
        "judged": words.judged(record),
    }


def classes(record: FitRecord, album: Album) -> View:
    """Every class's figures, the weakest first when there are many."""
    scores = per_class(record.answers.probabilities, record.answers.targets)
    rows = list(zip(record.labels, scores, strict=True))
    if len(rows) > 12:
        rows.sort(key=lambda row: (row[1].n == 0, row[1].recall))
    shown = [(label, score, round(score.recall * score.n)) for label, score in rows]
    return {"rows": shown, "dense": len(rows) > 12}


def mixups(record: FitRecord, album: Album) -> View:
    """The confusion matrix and its largest entries in words."""
    if not record.score.n:
        return None
    table = confusion(record.answers.probabilities, record.answers.targets)
    off = table.copy()
    np.fill_diagonal(off, 0)
    worst = np.argsort(-off, axis=None, kind="stable")[:MAX_MIXUPS]
    pairs = [divmod(int(place), len(record.labels)) for place in worst]
    return {
        "broad": len(record.labels) > MAX_BESIDE,
        "matrix": charts.confusion_matrix(table, record.labels),
        "pairs": [
            (record.labels[row], record.labels[column], int(off[row, column]), int(table[row].sum()))
            for row, column in pairs
            if off[row, column]
        ],
    }


def calibration(record: FitRecord, album: Album) -> View:
    """What a probability is worth, and what answering less often would gain."""
    if not record.score.n:
        return None
    bins = reliability(record.answers.probabilities, record.answers.targets)
    return {
        "words": words.calibration(bins, record.metrics["ece"].value),
        "selective": words.selective(record),
        "curve": charts.calibration_curve(bins),
        "coverage": charts.coverage_curve(
            risk_coverage(record.answers.probabilities, record.answers.targets)
        ),
    }


def mistakes(record: FitRecord, album: Album) -> View:
    """The wrong answers it was surest of."""
    answers = record.answers
    wrong = _wrong(record)
    return {
        "cards": [_card(record, int(index), album) for index in wrong[:MAX_MISTAKES]],
        "total": len(wrong),
        "n": len(answers.targets),
    }


def attention(record: FitRecord, album: Album) -> View:
    """Where it looked, for right and wrong answers; None without parts."""
    answers = record.answers
    if answers.attention is None or record.boxes is None or not len(answers.targets):
        return None
    right = [_cropped(record, index, album) for index in _right_of_each(record)[:MAX_FOCUS_RIGHT]]
    wrong = [_cropped(record, int(index), album) for index in _wrong(record)[:MAX_FOCUS_WRONG]]
    groups = [("Right answers", [c for c in right if c]), ("Wrong answers", [c for c in wrong if c])]
    shown = [group for group in groups if group[1]]
    return {"groups": shown} if shown else None


def vocabulary(record: FitRecord, album: Album) -> View:
    """The words that speak for each label; None where no words were counted."""
    return {"rows": list(record.words.items())} if record.words else None


def transfer(record: FitRecord, album: Album) -> View:
    """This model beside what needs no transfer, or less of it."""
    bars = [
        (_capitalise(BASELINES.get(name, name)), 100 * rate, words.percent(rate), False)
        for name, rate in record.baselines.items()
    ]
    own = record.score
    bars.append(("This model", 100 * own.value, words.percent(own.value), True))
    return {
        "verdict": words.transfer(record),
        "bars": sorted(bars, key=lambda bar: bar[1]),
        "low": 100 * own.interval[0],
        "high": 100 * own.interval[1],
    }


def tried(record: FitRecord, album: Album) -> View:
    """The candidates in the order tried."""
    if not record.candidates:
        return None
    return {
        "rows": [(c, *_fitted(c)) for c in record.candidates],
        "chosen": CHOSEN_ON_THESE if words.cross_fitted(record) else CHOSEN_ON_OTHERS,
    }


def _fitted(candidate: CandidateResult) -> tuple[str, str]:
    """Accuracy and duration, dashes for a way that was left out."""
    if candidate.accuracy is None:
        return "–", "–"
    return words.percent(candidate.accuracy), duration(candidate.seconds)


def unknown(record: FitRecord, album: Album) -> View:
    """How strangers are met."""
    return {"words": words.unknown(record), "threshold": f"{record.unknown_threshold:.4g}"}


def time(record: FitRecord, album: Album) -> View:
    """Where the seconds went."""
    if not record.seconds:
        return None
    total = sum(record.seconds.values())
    return {
        "total": duration(total),
        "stages": [(name, duration(s), 100 * s / max(total, 1e-9)) for name, s in record.seconds.items()],
    }


def settings(record: FitRecord, album: Album) -> View:
    """Everything needed to do it again."""
    facts = {
        "task": record.task,
        "backbone": record.backbone,
        "head": record.head,
        "licence of the weights": record.licence or "not known",
        "data fingerprint": record.fingerprint or "none",
        "temperature": f"{record.temperature:.3g}",
    }
    return {"facts": facts, "recipe": words.settings(record), "versions": record.versions}


def _learnt(record: FitRecord, noun: str) -> str:
    total = words.count(sum(record.counts.values()), noun)
    return f"Learnt from {total} on top of {record.backbone}, with the {record.head} head."


def _marks(record: FitRecord) -> list[tuple[str, float]]:
    known = [("scratch", "random weights"), ("majority", "commonest class")]
    return [(name, record.baselines[key]) for key, name in known if key in record.baselines]


def _sample_size(record: FitRecord, noun: str) -> words.Verdict:
    score = record.score
    width = round(100 * (score.interval[1] - score.interval[0]))
    text = f"{words.count(score.n, noun)} judged; the true accuracy lies in a range {width} points wide."
    if score.n < words.SMALL_TEST:
        return words.Verdict("warn", "Few examples", f"{text} Label more before relying on it.")
    return words.Verdict("good" if width <= 15 else "note", "How sure is the figure", text)


def _separation(record: FitRecord, noun: str) -> words.Verdict:
    together = f"{words.count(len(record.duplicates), 'cluster')} of look-alikes kept on one side"
    by = record.split.get("by")
    how = f" ({by})." if by else "."
    return words.Verdict("good", "Not seen in training", f"{words.judged(record)} {together}{how}")


def _honesty(record: FitRecord) -> words.Verdict:
    bins = reliability(record.answers.probabilities, record.answers.targets)
    ece = record.metrics["ece"].value
    far = ece > words.FAR_OFF
    gap = abs(sum(item.n * (item.confidence - item.accuracy) for item in bins)) / record.score.n
    near = "Probabilities are close" if gap > words.NEAR else "Probabilities mean what they say"
    title = "Probabilities are rough" if far else near
    return words.Verdict(
        "note" if far else "good", title, words.calibration(bins, record.metrics["ece"].value)
    )


def _weakest(record: FitRecord, noun: str) -> words.Verdict:
    scores = per_class(record.answers.probabilities, record.answers.targets)
    seen = [(label, score) for label, score in zip(record.labels, scores, strict=True) if score.n]
    if not seen:
        return words.Verdict(
            "warn", "No known class in the test", "Every label in the test is new to the model."
        )
    label, score = min(seen, key=lambda row: row[1].recall)
    right = f"{round(score.recall * score.n)} of {words.count(score.n, noun)}"
    few = f" That is too few to judge; {words.FEW_EXAMPLES} or more would do."
    text = f"{label}: {right} recognised.{few if score.n < words.FEW_EXAMPLES else ''}"
    weak = score.recall < record.score.interval[0]
    return words.Verdict("note" if weak else "good", "The weakest class", text)


def _cluster(sources: tuple[Source, ...], album: Album) -> dict[str, Any]:
    shown = [(each.short(), album.thumbnail(Sample(each))) for each in sources[:MAX_OF_CLUSTER]]
    return {"items": shown, "more": len(sources) - len(shown)}


def _wrong(record: FitRecord) -> Ints:
    said = record.answers.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != record.answers.targets)
    sure = record.answers.probabilities[wrong].max(axis=1) if len(wrong) else np.zeros(0)
    return np.asarray(wrong[np.argsort(-sure, kind="stable")], np.int64)


def _right_of_each(record: FitRecord) -> list[int]:
    said = record.answers.probabilities.argmax(axis=1)
    sure = record.answers.probabilities.max(axis=1)
    right = np.flatnonzero(said == record.answers.targets)
    ranked: list[tuple[int, int, int]] = []
    for label in np.unique(said[right]):
        mine = right[said[right] == label]
        order = mine[np.argsort(-sure[mine], kind="stable")]
        ranked += [(turn, int(label), int(index)) for turn, index in enumerate(order)]
    return [index for _, _, index in sorted(ranked)]


def _card(record: FitRecord, index: int, album: Album) -> dict[str, Any]:
    answers = record.answers
    row, sample = answers.probabilities[index], answers.samples[index]
    target = int(answers.targets[index])
    return {
        "picture": album.thumbnail(sample),
        "name": sample.source.short(MAX_QUOTE),
        "said": answers.labels[int(row.argmax())],
        "sure": float(row.max()),
        "truth": sample.label or (answers.labels[target] if target >= 0 else "not labelled"),
        "due": float(row[target]) if target >= 0 else 0.0,
        "refused": bool(answers.distance[index] > record.unknown_threshold),
    }


def _cropped(record: FitRecord, index: int, album: Album) -> dict[str, Any] | None:
    answers, boxes = record.answers, record.boxes
    if answers.attention is None or boxes is None:
        return None
    weights, row = answers.attention[index], answers.probabilities[index]
    picture = album.attention_spec(answers.samples[index], boxes, weights)
    if picture is None:
        return None
    said, target = int(row.argmax()), int(answers.targets[index])
    return {
        "picture": picture,
        "name": answers.samples[index].source.short(MAX_QUOTE),
        "said": answers.labels[said],
        "sure": float(row.max()),
        "truth": answers.samples[index].label if said != target else None,
        "place": place_of(boxes[int(weights.argmax())]),
    }


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
