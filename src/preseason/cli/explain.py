"""`preseason explain MODEL INPUT...`: where it looked, when, which words, and the nearest known examples."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb
from preseason.errors import DataError, UsageError

if TYPE_CHECKING:
    from preseason.models.box_explanation import BoxExplanation
    from preseason.models.detector import Detector
    from preseason.models.explanation import Explanation, Near
    from preseason.runtime.progress import Progress

SHOWN = 6
BAR = 20


@verb("explain")
@click.argument("model")
@click.argument("paths", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o", "--output", metavar="FILE.html|FOLDER", help="Draw it: one page, or a PNG for each input."
)
@click.option("--data", metavar="DATA", help="Where the labelled examples are now, to show the nearest ones.")
@model_options
def explain(
    *,
    model: str,
    paths: tuple[str, ...],
    output: str | None,
    data: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Show what an answer is based on.

    INPUT is what `predict` takes. Hides regions of a photo, moments of a clip, times and bands of a sound
    or words of a text in turn and reports how far the probability drops. Also shows the nearest training
    examples. For object detectors, hides parts of each box and its surroundings.
    """
    import preseason
    from preseason.models.loading import classifier, finds

    report = progress(quiet)
    opened = preseason.load(model, progress=report, device=device, cache=cache)
    if finds(opened):
        return _of_boxes(model, opened, paths, output, data, report)
    loaded = classifier(opened, "explain")
    samples, skipped = loaded.samples_of(paths)
    if not samples:
        raise DataError(f"None of the inputs could be read: {skipped[0].path}: {skipped[0].reason}.")
    report.start("explaining", len(samples))
    found = list(loaded.explanations(samples, data, report))
    report.finish()
    files = _drawn(found, output, loaded)
    told = [_fields(each) for each in found]
    place = "time or band" if getattr(loaded.job.modality, "listened", False) else "place"
    text = "\n\n".join(_text(each, place) for each in found)
    lines = [text, *words.of_skipped(skipped), *[f"Written: {path}" for path in files]]
    fields = {"model": model, "explanations": told, "files": files, "skipped": skipped}
    return Outcome(fields, "\n".join(lines))


def _of_boxes(
    name: str,
    model: "Detector",
    paths: tuple[str, ...],
    output: str | None,
    data: str | None,
    report: "Progress",
) -> Outcome:
    """What drove the boxes on pictures."""
    from preseason.report.box_explained import lead, write_box_page, write_box_pictures
    from preseason.tasks.reading import read_inputs

    if data is not None:
        raise UsageError("--data names examples that are shown beside answers: leave it out for boxes.")
    samples, skipped = read_inputs(paths, model.job)
    if not samples:
        raise DataError(f"None of the inputs could be read: {skipped[0].path}: {skipped[0].reason}.")
    found = model.explanations(samples, report)
    files: list[str] = []
    if output is not None and Path(output).suffix.lower() in (".html", ".htm"):
        write_box_page(found, Path(output))
        files = [output]
    elif output is not None:
        files = [str(path) for path in write_box_pictures(found, model.labels, Path(output))]
    told = [
        {"input": each.input, **asdict(each.box), "parts": [
            {"part": part, "weight": round(weight, 4), "box": box}
            for (part, weight), box in zip(each, each.boxes.tolist(), strict=True)
        ]}
        for each in found
    ]  # fmt: skip
    text = "\n\n".join(_text_of_box(each, lead(each)) for each in found) or "Nothing was found."
    lines = [text, *words.of_skipped(skipped), *[f"Written: {path}" for path in files]]
    fields = {"model": name, "explanations": told, "files": files, "skipped": skipped}
    return Outcome(fields, "\n".join(lines))


def _text_of_box(each: "BoxExplanation", lead: str) -> str:
    largest = max((abs(weight) for weight in each.weights), default=0.0)
    pairs = sorted(each, key=lambda pair: -abs(pair[1]))[:SHOWN]
    rows = [[part, f"{100 * weight:+.1f}", _bar(weight, largest)] for part, weight in pairs]
    heading = f"{words.short(each.input)}: {each.box.label}, {words.percent(each.box.score)}"
    return "\n".join([heading, lead, words.table(["part", "points lost if hidden", ""], rows)])


def _drawn(found: "list[Explanation]", output: str | None, model: Any) -> list[str]:
    from preseason.report.explained import write_page, write_pictures

    if output is None:
        return []
    path = Path(output)
    if path.suffix.lower() in (".html", ".htm"):
        write_page(found, path, model.job)
        return [output]
    return [str(made) for made in write_pictures(found, path, model.job)]


def _fields(each: "Explanation") -> dict[str, Any]:
    boxes = each.boxes.tolist() if each.boxes is not None else [None] * len(each)
    parts = [
        {"part": part, "weight": round(weight, 4)} | ({"box": box} if box else {})
        for (part, weight), box in zip(each, boxes, strict=True)
    ]
    return {
        "input": each.input,
        "label": each.label,
        "probability": each.probability,
        "unknown": each.unknown,
        "kind": each.kind,
        "parts": parts,
        "seen": each.seen,
        "neighbours": each.neighbours,
    }


def _text(each: "Explanation", place: str) -> str:
    answer = f"unknown (nearest {each.label})" if each.unknown else each.label
    lines = [f"{words.short(each.input)}: {answer}, {words.percent(each.probability)}"]
    lines += [each.seen.said()] if each.seen else []
    pairs = _by_place(each) if each.kind == "places" else list(each)
    largest = max((abs(weight) for _, weight in pairs), default=0.0)
    if each.kind != "moments":
        pairs = sorted(pairs, key=lambda pair: -abs(pair[1]))[:SHOWN]
    rows = [[part, f"{100 * weight:+.1f}", _bar(weight, largest)] for part, weight in pairs]
    title = {"words": "word", "places": place, "moments": "time"}[each.kind]
    lines.append(words.table([title, "points lost if hidden", ""], rows))
    lines += ["nearest training examples:", *[f"  {_near(near)}" for near in each.neighbours]]
    return "\n".join(lines)


def _by_place(each: "Explanation") -> list[tuple[str, float]]:
    """Mean weight of the squares that share a name, such as `upper left`."""
    named: dict[str, list[float]] = {}
    for part, weight in each:
        named.setdefault(part, []).append(weight)
    return [(part, sum(weights) / len(weights)) for part, weights in named.items()]


def _bar(weight: float, largest: float) -> str:
    return ("+" if weight > 0 else "-") * round(BAR * abs(weight) / largest) if largest > 0 else ""


def _near(near: "Near") -> str:
    shown = near.path or (f"“{words.short(near.text)}”" if near.text else near.name)
    return f"{near.label} ({near.likeness:.2f}) {shown}".rstrip()
