"""What the sections on boxes show, as plain values for their templates."""

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.dataset import Sample, source_from
from preseason.evaluation.matching import Pairing, pairings
from preseason.report import charts
from preseason.report.pictures import Album, Mark
from preseason.report.problems.base import View
from preseason.results import FitRecord

MAX_PICTURES, MAX_MIXUPS, MAX_SUSPECTS = 8, 8, 12
NOTHING = "nothing there"
RIGHT, MISSED, GHOST = (90, 200, 120), (235, 70, 60), (255, 200, 60)
KINDS = {"missing": "No box", "class": "Another class", "double": "Two boxes", "loose": "A loose box"}
SIZES = ("smallest third", "middle third", "largest third")


def classes(record: FitRecord, album: Album) -> View:
    """Of every class how many were found, missed and made up."""
    seen = pairings(record.answers)
    if not seen:
        return None
    rows = []
    for label in record.labels:
        right = sum(t.label == f.label == label for each in seen for t, f in each.pairs)
        there = sum(box.label == label for each in seen for box in each.sample.boxes or ())
        said = sum(box.label == label for boxes in record.answers.counted() for box in boxes)
        rows.append(
            {
                "label": label,
                "there": there,
                "found": right,
                "share": right / there if there else 0.0,
                "said": said,
                "precision": right / said if said else 0.0,
                "threshold": record.answers.threshold(label),
            }
        )
    return {"rows": sorted(rows, key=lambda row: (row["there"] == 0, row["share"]))}


def mixups(record: FitRecord, album: Album) -> View:
    """Which class is taken for which, what is missed, and what is seen where nothing is."""
    seen = pairings(record.answers)
    if not seen:
        return None
    names = (*record.labels, NOTHING)
    table = _table(seen, names)
    off = table.copy()
    np.fill_diagonal(off, 0)
    worst = np.argsort(-off, axis=None, kind="stable")[:MAX_MIXUPS]
    places = [divmod(int(place), len(names)) for place in worst]
    shown = [
        (names[row], "missed" if names[column] == NOTHING else names[column], int(off[row, column]))
        for row, column in places
        if off[row, column]
    ]
    totals = {name: int(table[place].sum()) for place, name in enumerate(names)}
    return {
        "broad": len(names) > 12,
        "matrix": charts.confusion_matrix(table, names),
        "pairs": [(truth, said, times, totals[truth]) for truth, said, times in shown],
    }


def _table(seen: list[Pairing], names: tuple[str, ...]) -> Ints:
    """Rows are what is there, columns what was said; the last of each is nothing."""
    number = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(names), len(names)), np.int64)
    for each in seen:
        for there, found in each.pairs:
            if there.label in number:
                table[number[there.label], number[found.label]] += 1
        for box in each.missed:
            if box.label in number:
                table[number[box.label], -1] += 1
        for ghost in each.ghosts:
            table[-1, number[ghost.label]] += 1
    return table


def pictures(record: FitRecord, album: Album) -> View:
    """The pictures with most faults, their boxes drawn."""
    seen = sorted(pairings(record.answers), key=lambda each: -each.faults)
    wrong = [each for each in seen if each.faults][:MAX_PICTURES]
    if not seen:
        return None
    cards = [
        {
            "picture": album.marked(each.sample, _marks(each)),
            "name": each.sample.source.short(),
            "missed": len(each.missed),
            "ghosts": len(each.ghosts),
            "mixed": sum(there.label != found.label for there, found in each.pairs),
        }
        for each in wrong
    ]
    return {"cards": cards, "total": sum(each.faults > 0 for each in seen)}


def _marks(each: Pairing) -> list[Mark]:
    marks = [Mark((f.x0, f.y0, f.x1, f.y1), RIGHT if t.label == f.label else GHOST) for t, f in each.pairs]
    marks += [Mark((b.x0, b.y0, b.x1, b.y1), MISSED) for b in each.missed]
    return marks + [Mark((b.x0, b.y0, b.x1, b.y1), GHOST) for b in each.ghosts]


def suspects(record: FitRecord, album: Album) -> View:
    """Labels that are probably wrong, cut out of their pictures, the likeliest error first."""
    found = record.trust.get("label_errors", {}).get("suspects", [])
    cards = []
    for item in found[:MAX_SUSPECTS]:
        source = source_from(item)
        boxes = [(item["box"], MISSED), (item["suggested_box"], GHOST)]
        marks = [Mark(tuple(box), colour) for box, colour in boxes if box is not None]
        cards.append(
            {
                "picture": album.close_up(Sample(source), marks),
                "name": source.short(),
                "kind": KINDS[item["kind"]],
                "told": item["told"],
            }
        )
    return {"cards": cards, "total": len(found)} if cards else None


def sizes(record: FitRecord, album: Album) -> View:
    """How many are found of the small, the middling and the large, by thirds of all labelled boxes."""
    sides, hits = [], []
    for each in pairings(record.answers):
        boxes = [(t, t.label == f.label) for t, f in each.pairs] + [(b, False) for b in each.missed]
        sides += [((b.x1 - b.x0) * (b.y1 - b.y0)) ** 0.5 for b, _ in boxes]
        hits += [hit for _, hit in boxes]
    if len(sides) < 3 * len(SIZES):
        return None
    bounds = np.quantile(sides, [1 / 3, 2 / 3])
    third = np.searchsorted(bounds, sides)
    rows = []
    for place, name in enumerate(SIZES):
        mine = np.array(hits)[third == place]
        up_to = float(np.array(sides)[third == place].max(initial=0))
        share = float(mine.mean()) if len(mine) else 0.0
        rows.append({"name": name, "n": len(mine), "found": int(mine.sum()), "share": share, "side": up_to})
    return {"rows": rows, "told": str(record.trust.get("plan", {}).get("told", ""))}
