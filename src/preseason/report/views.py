"""What each section of the report shows, as plain values for its template; None leaves a section out."""

from typing import Any

from preseason.data.dataset import Sample, Source
from preseason.formatting import BASELINES, duration
from preseason.report import trust as trust_page
from preseason.report import words
from preseason.report.pictures import Album
from preseason.report.problems.base import View, pages
from preseason.results import CandidateResult, FitRecord

MAX_CLUSTERS = 5
MAX_OF_CLUSTER = 3
MAX_SKIPPED = 12
CHOSEN_ON_THESE = (
    "Candidates are chosen, and probabilities calibrated, on the same out-of-fold predictions as "
    "the accuracy, so that no example is wasted. The accuracy is optimistic by the little that "
    "can be gained from choosing among so few."
)
CHOSEN_ON_OTHERS = "Chosen within the training part; the held-out part was not used."


def trust(record: FitRecord, album: Album) -> View:
    """What the checks found, a question each, then short verdicts, the careful ones first."""
    told = trust_page.warned(record)
    others = (line for line in record.warnings if line not in told)
    found = [words.Verdict("warn", "Warning", words.without_folders(line)) for line in others]
    found += [words.transfer(record), _separation(record)]
    found += pages.get(record.problem).verdicts(record)
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
        "total": words.count(words.examples_of(record), words.noun_of(record.task)),
        "skipped": [
            (words.short_path(item.path), words.without_folders(item.reason)) for item in record.skipped
        ],
        "shown": MAX_SKIPPED,
        "clusters": [_cluster(cluster, album) for cluster in record.duplicates[:MAX_CLUSTERS]],
        "cluster_count": len(record.duplicates),
        "judged": words.judged(record),
        "reading": [record.data["sentence"], *record.data["notes"]] if record.data else [],
    }


def transfer(record: FitRecord, album: Album) -> View:
    """This model beside what needs no transfer, or less of it."""
    bars = [
        (words.capitalised(BASELINES.get(name, name)), 100 * rate, words.percent(rate), False)
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
        "measure": pages.get(record.problem).measure.lower(),
        "rows": [(c, *_fitted(c)) for c in record.candidates],
        "brought": [str(each["said"]) for each in record.networks.values()],
        "chosen": CHOSEN_ON_THESE if words.cross_fitted(record) else CHOSEN_ON_OTHERS,
    }


def _fitted(candidate: CandidateResult) -> tuple[str, str]:
    """Accuracy and duration, dashes for a way that was left out."""
    if candidate.accuracy is None:
        return "–", "–"
    return words.percent(candidate.accuracy), duration(candidate.seconds)


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
        "licence of the weights": record.licence or "unknown",
        "data fingerprint": record.fingerprint or "none",
        "temperature": f"{record.temperature:.3g}",
    }
    return {"facts": facts, "recipe": words.settings(record), "versions": record.versions}


def _separation(record: FitRecord) -> words.Verdict:
    sets = len(record.duplicates)
    kept = "No near-duplicates were found"
    if sets:
        kept = f"{words.count(sets, 'set')} of near-duplicates, each kept in one fold"
    by = record.split.get("by")
    how = f" Method: {by}." if by else ""
    return words.Verdict("good", "How it was tested", f"{words.judged(record)} {kept}.{how}")


def _cluster(sources: tuple[Source, ...], album: Album) -> dict[str, Any]:
    shown = [(each.short(), album.thumbnail(Sample(each))) for each in sources[:MAX_OF_CLUSTER]]
    return {"items": shown, "more": len(sources) - len(shown)}
