"""The page "Can I trust this?": a question each, an answer in plain words, and what shows it."""

from typing import Any

import numpy as np

from preseason.data.dataset import Sample, source_from
from preseason.inference.answers import BatchPredictions
from preseason.report import charts, words
from preseason.report.pictures import Album
from preseason.results import FitRecord

MAX_SUSPECTS, MAX_PAIRS = 4, 3
MAX_QUOTE = 160
ORDER = {"warn": 0, "note": 1, "good": 2}
QUESTIONS = {
    "copies": ("Are there duplicates?", "Are there duplicates?"),
    "label_errors": ("Are the labels right?",) * 2,
    "honest_split": ("Was the test fair?",) * 2,
    "shortcuts": ("Does it look at the right thing?",) * 2,
    "strangers": ("What happens with unknown inputs?",) * 2,
    "curve": ("Would more labels help?",) * 2,
    "odd": ("Are there files that show very little?",) * 2,
    "groups": ("What belongs together?",) * 2,
}
NEAR = ", from local layers only"
NEAR_KEYS = ("surroundings", "middle", "upper", "lower")
Block = dict[str, Any]


def questions(record: FitRecord, album: Album) -> list[Block]:
    """A block for each check that found something, the worst first: title, tone, text and what shows it."""
    blocks = []
    for name, (warned, usual) in QUESTIONS.items():
        found = record.trust.get(name)
        if not found or "said" not in found:
            continue
        tone = str(found.get("tone", "good"))
        told = found["said"] if name == "label_errors" else found.get("warning") or found["said"]
        text = words.without_folders(str(told))
        blocks.append(
            {"name": name, "tone": tone, "title": warned if tone == "warn" else usual, "text": text}
        )
    blocks.sort(key=lambda block: ORDER[block["tone"]])
    return [block | _shown(record, block["name"], album) for block in blocks]


def verdict(record: FitRecord) -> words.Verdict | None:
    """One sentence over everything; None where nothing was checked."""
    checked = [name for name in QUESTIONS if name in record.trust]
    if not checked:
        return None
    worries = len(record.warnings)
    if not worries:
        return words.Verdict("good", "No problem found", f"{len(checked)} checks found no reason for doubt.")
    things = "One thing needs" if worries == 1 else f"{worries} things need"
    return words.Verdict(
        "warn", f"{things} a look first", "The most serious comes first, each with what to do."
    )


def warned(record: FitRecord) -> set[str]:
    """Warnings that a block of its own tells."""
    return {
        str(found["warning"])
        for found in record.trust.values()
        if isinstance(found, dict) and "warning" in found
    }


def _shown(record: FitRecord, name: str, album: Album) -> Block:
    found = record.trust[name]
    if name == "label_errors" and not isinstance(record.answers, BatchPredictions):
        return {}
    if name == "label_errors":
        return {
            "suspects": [_suspect(record, item, album) for item in found.get("suspects", [])[:MAX_SUSPECTS]]
        }
    if name == "copies":
        across = found.get("across_labels", [])[:MAX_PAIRS]
        return {"pairs": [_across(items, album) for items in across]}
    if name == "honest_split":
        return {
            "bars": _two_bars(found) if "honest" in found else [],
            "pairs": [_lucky(pair, album) for pair in found.get("pairs", [])[:MAX_PAIRS]],
        }
    if name == "shortcuts":
        return {"bars": _hidden(found), "words": found.get("deciders", [])}
    if name == "strangers":
        return {"bars": _price(found)}
    if name == "curve" and "forecasts" in found:
        return {"chart": charts.growth(found["now"], found["half_width"], found["forecasts"])}
    return {}


def _suspect(record: FitRecord, item: Block, album: Album) -> Block:
    """The doubtful example beside the surest one of the class it looks like."""
    answers = record.answers
    place = answers.labels.index(item["suggested"]) if item["suggested"] in answers.labels else -1
    sure = np.flatnonzero((answers.targets == place) & (answers.probabilities.argmax(axis=1) == place))
    beside = None
    if len(sure):
        best = int(sure[answers.probabilities[sure, place].argmax()])
        beside = album.thumbnail(answers.samples[best])
    first = f"labelled {item['label']}"
    second = f"looks like {item['suggested']}, {words.percent(item['probability'])}"
    return {
        "items": [
            {**_item(item, album), "caption": first, "bad": True},
            {"picture": beside, "name": "", "caption": f"{item['suggested']}, clearly", "bad": False},
        ],
        "text": second,
    }


def _across(items: list[Block], album: Album) -> Block:
    other = next((item for item in items if item["label"] != items[0]["label"]), items[-1])
    shown = [{**_item(item, album), "caption": item["label"], "bad": True} for item in (items[0], other)]
    return {"items": shown, "text": "one of the two labels is wrong"}


def _lucky(pair: Block, album: Album) -> Block:
    tested = {**_item(pair["tested"], album), "caption": "in the test fold", "bad": False}
    learnt = {**_item(pair["learnt"], album), "caption": "in training", "bad": False}
    return {
        "items": [tested, learnt],
        "text": f"right only because it had seen the other; without it: {pair['wrong']}",
    }


def _item(item: Block, album: Album) -> Block:
    """An example's picture, or its text."""
    source = source_from(item)
    span = tuple(item["span"]) if "span" in item else None
    picture = album.thumbnail(Sample(source, str(item["label"]), span=span))
    return {"picture": picture, "name": source.short(MAX_QUOTE)}


def _two_bars(found: Block) -> list[Block]:
    return [
        _bar("a random split says", found["chance"]),
        _bar("the grouped split says", found["honest"], own=True),
    ]


def _hidden(found: Block) -> list[Block]:
    """Each part shown alone, under what it is compared with."""
    bars: list[Block] = []
    full = None
    for test in found.get("tests", []):
        if test["full"] != full:
            full = test["full"]
            bars.append(_bar("with everything" + NEAR * (test["key"] in NEAR_KEYS), full, own=True))
        bars.append(_bar(test["shown"], test["accuracy"]) | {"icon": charts.hiding(test["key"])})
    return [*bars, _bar("by chance", found["chance"])] if bars else []


def _price(found: Block) -> list[Block]:
    bars = []
    if found.get("answers") is not None:
        bars.append(_bar("known inputs that get a label", found["answers"], own=True))
    if found.get("named") is not None:
        bars.append(_bar("unknown inputs that get a label", found["named"]))
    return bars


def _bar(name: str, share: float, own: bool = False) -> Block:
    return {"name": name, "width": 100 * share, "figure": words.percent(share), "own": own, "icon": None}
