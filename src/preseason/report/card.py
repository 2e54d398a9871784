"""The model card: README.md with the front matter that the Hugging Face hub reads."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from preseason.report import words
from preseason.report.problems.base import pages
from preseason.results import FitRecord
from preseason.runtime.files import write_text
from preseason.tasks.base import tasks
from preseason.tasks.companions import companions

LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc-by-4.0", "cc-by-nc-4.0", "gemma"}
MAX_CLASSES = 60
BACKTICK = "\\u0060"


def write_card(record: FitRecord, path: Path, name: str | None = None) -> None:
    """Write the model card to `path`, by rename.

    Args:
        record: what the fit found; nothing of it that names a folder of this machine is written.
        path: the file, e.g. `players/README.md`.
        name: what the model is called; None takes the folder's name.
    """
    title = name if name is not None else path.resolve().parent.name
    parts = (_front_matter(record, title), _about(record, title), _use(record, title))
    closing = (_data(record), _figures(record), _limits(record), _recipe(record))
    write_text(path, "\n\n".join(parts + closing) + "\n", errors="replace")


def front_matter(matter: dict[str, Any], licence: str) -> str:
    """The block at the head of a card, between its two lines of dashes, in ASCII.

    Args:
        matter: nested dicts, lists, text and numbers.
        licence: of the pretrained network; the hub's list lacks some, which are named beside `other`.

    Example:
        >>> print(front_matter({"tags": ["yes", "1: 2"]}, "MIT"))
        ---
        license: mit
        tags:
        - 'yes'
        - '1: 2'
        ---
    """
    listed = licence.lower() in LICENCES
    named = (
        {"license": licence.lower()}
        if listed
        else {"license": "other", "license_name": licence or "not-known"}
    )
    return f"---\n{yaml.safe_dump(named | matter, sort_keys=False)}---"


def _front_matter(record: FitRecord, title: str) -> str:
    pipeline = pages.get(record.problem).hub_task or tasks.get(record.task).modality.hub_task
    matter: dict[str, Any] = {
        "library_name": "preseason",
        "tags": ["preseason", "transfer-learning", record.task],
    }
    matter |= {"pipeline_tag": pipeline, "base_model": record.backbone}
    matter |= {"metrics": list(pages.get(record.problem).hub_metrics)}
    if record.score.n:
        matter["model-index"] = [_index_entry(record, title, pipeline)]
    return front_matter(matter, record.licence)


def _index_entry(record: FitRecord, title: str, pipeline: str) -> dict[str, Any]:
    figures = pages.get(record.problem).hub_figures(record)
    measured = [{"type": kind, "value": round(value, 4)} for kind, value in figures.items()]
    # The hub asks for the type of a data set, so data of one's own is called custom.
    data = {"name": "own data, cross-validated or held out", "type": "custom"}
    result = {"task": {"type": pipeline}, "dataset": data, "metrics": measured}
    return {"name": title, "results": [result]}


def _about(record: FitRecord, title: str) -> str:
    page = pages.get(record.problem)
    lines = [
        f"# {words.markdown(title)}",
        f"{page.about(record)}. Fine-tuned by preseason on {page.labelled(record)[0]}, starting from the "
        f"pretrained {words.markdown(record.backbone)} (head: {words.markdown(record.head)}).",
        f"**{words.capitalised(page.summary(record))}.**",
    ]
    return "\n\n".join(lines)


def _use(record: FitRecord, title: str) -> str:
    modality = tasks.get(record.task).modality
    folder = title if re.fullmatch(r"[\w.-]+", title, re.ASCII) else "this-folder"
    usage = pages.get(record.problem).usage(record, folder, modality.file_name)
    lines = [
        "## Use\n\n```",
        f"pip install {_package(record)}",
        f"{usage.command}\n```\n\n```python",
        f'import preseason\n\nmodel = preseason.load("{folder}")',
        *usage.python,
        f"```\n\n{usage.told}",
    ]
    return "\n".join(lines)


def _package(record: FitRecord) -> str:
    """What pip installs, with the extras of networks that the model reads beside the first."""
    package = tasks.get(record.task).modality.package
    used = [
        name for name in record.networks if name in companions and record.networks[name]["gain"] is not None
    ]
    return f"'{package}[{','.join(used)}]'" if used and "[" not in package else package


def _data(record: FitRecord) -> str:
    noun = pages.get(record.problem).labelled(record)[1]
    rows = [f"| {words.markdown(name)} | {n:,} |" for name, n in list(record.counts.items())[:MAX_CLASSES]]
    more = len(record.counts) - len(rows)
    table = "\n".join([f"| class | {'boxes' if noun == 'box' else f'{noun}s'} |", "|---|---:|", *rows])
    rest = f"\n\nand {words.count(more, 'more class').replace('classs', 'classes')}." if more else ""
    left = f"Left out as unusable: {len(record.skipped)}. Sets of near-duplicates: {len(record.duplicates)}."
    return f"## Data\n\n{table}{rest}\n\n{left}"


def _figures(record: FitRecord) -> str:
    page = pages.get(record.problem)
    if not record.score.n:
        return f"## {page.measure}\n\nNot measured: no example was held out."
    judged = f"{words.judged(record)} {words.delivered(record)}"
    return f"## {page.measure}\n\n{page.card(record)}\n\n{judged}"


def _limits(record: FitRecord) -> str:
    points = [words.markdown(words.without_folders(line)) for line in record.warnings]
    if "scratch" in record.baselines:
        verdict = words.transfer(record)
        points.append(f"{verdict.title}: {verdict.text}")
    points += pages.get(record.problem).limits(record)
    points.append(
        "The model knows only what its data showed: it may do worse with other cameras, kits or places."
    )
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points)


def _recipe(record: FitRecord) -> str:
    # A value that holds a fence would end the block; JSON text can spell a backtick otherwise.
    lines = [
        f"{key} = {json.dumps(value).replace('`', BACKTICK)}" for key, value in words.settings(record).items()
    ]
    versions = ", ".join(words.markdown(f"{name} {version}") for name, version in record.versions.items())
    licence = words.markdown(record.licence or "not known")
    backbone = words.markdown(record.backbone)
    closing = f"Weights of {backbone}: licence {licence}. Versions: {versions or 'not noted'}."
    return "## Recipe\n\n```\n" + "\n".join(lines) + f"\n```\n\n{closing}"
