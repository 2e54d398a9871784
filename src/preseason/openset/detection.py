"""Strangers: how unlike every known class an example is, and from where on to say `unknown`.

Which score tells strangers best is found by leaving whole classes out and watching who notices.
n reference examples of width d, m questions, c classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats, Ints
from preseason.inference.strangers import NEEDS_LOGITS, SCORES, PartEvidence, UnknownScorer
from preseason.openset.parts import Asked, fit_evidence, joined_rounds

MAX_REFERENCES = 2000
MAX_ROUNDS = 25
FOLDS = 5
MAX_WIDTH = 128
MAX_NEIGHBOURS = 5
MAX_KNOWN_REJECTED = 0.1

FitPredict = Callable[[Ints, Ints], Floats]
SeenFrom = Callable[[Ints], Floats]
"""All embeddings as the rows of its argument alone would have placed them, float32 [n, w]."""


@dataclass(frozen=True)
class Choice:
    """The score that tells strangers best, where it draws the line, and what that costs.

    Attributes:
        scorer: fitted on all references.
        threshold: a distance above it means unknown.
        auroc: chance that a stranger is farther than a known example, mean over the classes left out;
            None with fewer than 3 classes, where nothing could be left out.
        known_rejected: fraction of known examples above the threshold, out of fold.
        unknown_accepted: fraction of strangers below it; None where `auroc` is.
        scores: auroc of every score tried.
        unseen: float32 [n], distance of each known example to the others' folds; None where not asked for.
        evidence: of a part that some examples show, joined with the score; None where there is none, or where
            it tells strangers no better.
        left_out: for each class left out its number, its examples, and how many of them got a name.
    """

    scorer: UnknownScorer
    threshold: float
    auroc: float | None
    known_rejected: float
    unknown_accepted: float | None
    scores: dict[str, float] = field(default_factory=dict)
    left_out: tuple[tuple[int, int, int], ...] = ()
    unseen: Floats | None = None
    evidence: PartEvidence | None = None


def fit_scorer(kind: str, embeddings: Floats, labels: Ints) -> UnknownScorer:
    """A scorer of `kind` fitted to references.

    `neighbours`: cosine distance to the k-th nearest reference (Sun et al. 2022), k the smallest class's
    size up to 5. `mahalanobis`: distance to the nearest class mean under one shared covariance (Lee et
    al. 2018), shrunk by Ledoit and Wolf, in at most 128 principal directions. `energy` (Liu et al. 2020)
    and `max-softmax` (Hendrycks and Gimpel 2017) read the logits and need no references.

    Args:
        kind: one of `SCORES`.
        embeddings: float32 [n, d]; at most 2,000 are kept, evenly over the classes.
        labels: int64 [n].
    """
    if kind in NEEDS_LOGITS:
        return UnknownScorer(kind)
    kept = thin(labels, MAX_REFERENCES)
    rows, truth = np.asarray(embeddings[kept], np.float32), labels[kept]
    fit = _fit_neighbours if kind == "neighbours" else _fit_mahalanobis
    return UnknownScorer(kind, fit(rows, truth))


def choose(
    embeddings: Floats,
    labels: Ints,
    fit_predict: FitPredict | None = None,
    folds: Ints | None = None,
    budget: float | None = None,
    seen_from: SeenFrom | None = None,
    parts: Floats | None = None,
) -> Choice:
    """The best score of strangers and its threshold, by leaving whole classes out.

    In each round one class is the stranger and one fold of the others is asked; the references are the
    rest. The threshold is the one with the fewest errors of both sorts together (refusing a known,
    naming a stranger) among those that refuse at most one known in ten: a coach can live with a photo
    handed back now and then, less with a wrong name. With fewer than 3 classes no class can be spared:
    the threshold is then passed by one known in twenty, and by none where no fold can be asked.

    Args:
        embeddings: float32 [n, d].
        labels: int64 [n].
        fit_predict: fits a head on the rows of its first argument (int64 indices) and gives the logits
            [len(second), classes fitted] of the rows of its second; None leaves the logits' scores out.
        folds: int64 [n], so that what belongs together shares a fold; None deals every class out evenly.
        budget: share of strangers that may get a name, 0..1; the threshold is then the loosest that keeps
            to it among the classes left out, however many known examples it refuses.
        seen_from: where the embeddings were shaped by all rows, how the references of a round alone would
            have placed them: strangers must have no say in the space that they are judged in.
        parts: float32 [n, d], of each example a part such as a face, zeros where there is none; its distance
            is joined with the score where that tells strangers better.
    """
    rows = thin(labels, 2 * MAX_REFERENCES)
    dealt = deal(labels) if folds is None else folds
    kinds = [kind for kind in SCORES if fit_predict is not None or kind not in NEEDS_LOGITS]
    if len(np.unique(labels)) < 3:
        return _choose_by_quantile(embeddings, labels, rows, dealt)
    rounds = list(_rounds(labels, rows, dealt, MAX_ROUNDS))
    asked = [
        _ask(kinds, embeddings if seen_from is None else seen_from(turn[0]), labels, turn, fit_predict)
        for turn in rounds
    ]
    if not asked:
        return _choose_by_quantile(embeddings, labels, rows, dealt)
    scores = {kind: float(np.mean([auroc(*answer[kind]) for answer in asked])) for kind in kinds}
    best = max(kinds, key=lambda kind: scores[kind])
    answers = [answer[best] for answer in asked]
    evidence, area = None, scores[best]
    if parts is not None:
        tried = [Asked(*turn, *answer) for turn, answer in zip(rounds, answers, strict=True)]
        found = fit_evidence(parts, labels, tried)
        joined = None if found is None else joined_rounds(found, parts, tried)
        if joined is not None and (reached := float(np.mean([auroc(*each) for each in joined]))) > area:
            evidence, area, answers = found, reached, joined
    known = np.concatenate([answer[0] for answer in answers])
    strangers = np.concatenate([answer[1] for answer in answers])
    threshold = _balance(known, strangers) if budget is None else _within(strangers, budget)
    return Choice(
        scorer=fit_scorer(best, embeddings, labels),
        threshold=threshold,
        auroc=area,
        known_rejected=float((known > threshold).mean()),
        unknown_accepted=float((strangers <= threshold).mean()),
        scores=scores,
        left_out=_left_out(labels, rounds, answers, threshold),
        evidence=evidence,
    )


def auroc(known: Floats, strangers: Floats) -> float:
    """Chance that a stranger is farther than a known example, ties counted half; 0.5 if either is empty."""
    from scipy.stats import rankdata

    if len(known) == 0 or len(strangers) == 0:
        return 0.5
    ranks = rankdata(np.concatenate([known, strangers]))[len(known) :]
    above = float(ranks.sum()) - len(strangers) * (len(strangers) + 1) / 2
    return above / (len(known) * len(strangers))


def thin(labels: Ints, most: int) -> Ints:
    """Indices, rising, of at most about `most` rows, spread evenly over the classes; always the same."""
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    classes, counts = np.unique(labels, return_counts=True)
    share = int(max(1, _level(counts, most)))
    picked = []
    for index in classes:
        places = np.flatnonzero(labels == index)
        spread = np.linspace(0, len(places) - 1, min(share, len(places))).round().astype(np.int64)
        picked.append(places[spread])
    return np.sort(np.concatenate(picked)).astype(np.int64)


def _level(counts: NDArray[Any], most: int) -> int:
    levels = range(1, int(counts.max()) + 1)
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if int(np.minimum(counts, levels[middle]).sum()) <= most:
            low = middle
        else:
            high = middle - 1
    return levels[low]


def deal(labels: Ints) -> Ints:
    """A fold for each of n examples, int64 [n] in 0..4, every class spread evenly.

    Classes of one example each are spread as well: no fold holds everything.
    """
    folds = np.empty(len(labels), np.int64)
    folds[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % FOLDS
    return folds


def _rounds(labels: Ints, rows: Ints, folds: Ints, most: int) -> Iterator[tuple[Ints, Ints, Ints]]:
    classes, parts = np.unique(labels), np.unique(folds)
    pairs = [
        (stranger, parts[(turn + place) % len(parts)])
        for turn in range(len(parts))
        for place, stranger in enumerate(classes)
    ]
    for stranger, fold in pairs[: max(most, 1)]:
        others = rows[labels[rows] != stranger]
        train, known = others[folds[others] != fold], others[folds[others] == fold]
        if len(known) and len(np.unique(labels[train])) > 1:
            yield train, known, rows[labels[rows] == stranger]


def _ask(
    kinds: list[str],
    embeddings: Floats,
    labels: Ints,
    parts: tuple[Ints, Ints, Ints],
    fit_predict: FitPredict | None,
) -> dict[str, tuple[Floats, Floats]]:
    train, known, strangers = parts
    asked = np.concatenate([known, strangers])
    logits = None if fit_predict is None else fit_predict(train, asked)
    found = {}
    for kind in kinds:
        far = fit_scorer(kind, embeddings[train], labels[train]).distance(embeddings[asked], logits)
        found[kind] = (far[: len(known)], far[len(known) :])
    return found


def _balance(known: Floats, strangers: Floats) -> float:
    lowest = np.quantile(known, 1 - MAX_KNOWN_REJECTED, method="higher")
    points = np.unique(np.concatenate([known, strangers]))
    points = points[points >= lowest]
    rejected = 1 - np.searchsorted(np.sort(known), points, side="right") / len(known)
    accepted = np.searchsorted(np.sort(strangers), points, side="right") / len(strangers)
    best = int(np.argmin(rejected + accepted))
    following = points[best + 1] if best + 1 < len(points) else points[best]
    return float((points[best] + following) / 2)


def _within(strangers: Floats, budget: float) -> float:
    """The largest threshold that at most a share `budget` of the strangers lies below or at."""
    order = np.sort(strangers)
    allowed = min(int(budget * len(order)), len(order) - 1)
    below = order[order < order[allowed]]
    return (
        float((below[-1] + order[allowed]) / 2)
        if len(below)
        else float(np.nextafter(order[allowed], -np.inf))
    )


def _left_out(
    labels: Ints,
    rounds: list[tuple[Ints, Ints, Ints]],
    answers: list[tuple[Floats, Floats]],
    threshold: float,
) -> tuple[tuple[int, int, int], ...]:
    shares: dict[int, list[float]] = {}
    counts: dict[int, int] = {}
    for (_, _, strangers), answer in zip(rounds, answers, strict=True):
        label = int(labels[strangers[0]])
        counts[label] = len(strangers)
        shares.setdefault(label, []).append(float((answer[1] <= threshold).mean()))
    return tuple((c, counts[c], round(counts[c] * float(np.mean(shares[c])))) for c in sorted(shares))


def _choose_by_quantile(embeddings: Floats, labels: Ints, rows: Ints, folds: Ints) -> Choice:
    found = []
    for fold in np.unique(folds[rows]):
        inside, outside = rows[folds[rows] != fold], rows[folds[rows] == fold]
        if len(inside):
            found.append(
                fit_scorer("neighbours", embeddings[inside], labels[inside]).distance(embeddings[outside])
            )
    known = np.concatenate(found) if found else np.full(1, 2.0, np.float32)
    threshold = float(np.quantile(known, 0.95, method="higher"))
    rejected = float((known > threshold).mean())
    return Choice(fit_scorer("neighbours", embeddings, labels), threshold, None, rejected, None)


def _fit_neighbours(embeddings: Floats, labels: Ints) -> dict[str, Floats]:
    centre = embeddings.mean(axis=0)
    smallest = int(np.unique(labels, return_counts=True)[1].min())
    nearest = np.array([min(smallest, MAX_NEIGHBOURS)], np.float32)
    return {"centre": centre, "references": unit_rows(embeddings - centre), "neighbours": nearest}


def _fit_mahalanobis(embeddings: Floats, labels: Ints) -> dict[str, Floats]:
    from sklearn.covariance import ledoit_wolf

    centre = embeddings.mean(axis=0)
    axes = _principal_axes(embeddings - centre)
    rows = ((embeddings - centre) @ axes).astype(np.float64)
    classes, place = np.unique(labels, return_inverse=True)
    means = np.stack([rows[place == index].mean(axis=0) for index in range(len(classes))])
    covariance, _ = ledoit_wolf(rows - means[place], assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values.max()) * 1e-6, 1e-12)
    whiten = vectors / np.sqrt(np.maximum(values, floor))
    return {
        "centre": centre,
        "whiten": (axes @ whiten).astype(np.float32),
        "means": (means @ whiten).astype(np.float32),
    }


def _principal_axes(rows: Floats) -> Floats:
    from sklearn.utils.extmath import randomized_svd

    width, most = rows.shape[1], min(MAX_WIDTH, rows.shape[0], rows.shape[1])
    if width <= MAX_WIDTH:
        return np.eye(width, dtype=np.float32)
    _, _, axes = randomized_svd(rows, n_components=most, n_iter=2, random_state=0)
    return np.asarray(axes.T, np.float32)
