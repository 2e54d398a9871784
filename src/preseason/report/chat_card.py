"""The model card of a chat model: README.md with the front matter that the Hugging Face hub reads."""

import re
from pathlib import Path

from preseason.language.folder import HUB_NAMES
from preseason.language.record import ChatRecord
from preseason.report.card import front_matter
from preseason.report.chat import figures, settings, verdict
from preseason.runtime.files import write_text

USES = {
    "dialogue": "It answers in the voice of the dialogues it was fine-tuned on.",
    "text": "It continues a text in the voice of the texts it was fine-tuned on.",
}


def write_chat_card(record: ChatRecord, path: Path, name: str) -> None:
    """Write the card to `path`, by rename; nothing in it names a folder of this machine."""
    parts = [
        _front_matter(record),
        f"# {name}",
        _about(record),
        _use(name),
        _figures(record),
        _limits(record),
    ]
    parts.append(_recipe(record))
    write_text(path, "\n\n".join(parts) + "\n", errors="replace")


def _front_matter(record: ChatRecord) -> str:
    matter = {
        "library_name": "preseason",
        "tags": ["preseason", "transfer-learning", "chat"],
        "pipeline_tag": "text-generation",
        "base_model": HUB_NAMES.get(record.backbone, record.backbone),
    }
    return front_matter(matter, record.licence)


def _about(record: ChatRecord) -> str:
    licence = record.licence or "unknown"
    terms = f"\n\n{record.terms}" if record.terms else ""
    return (
        f"{USES[record.style]} Fine-tuned by preseason from the pretrained {record.backbone} (licence: "
        f"{licence}) on "
        f"{record.counts['tokens']:,} tokens of {record.counts['examples']:,} examples. "
        f"{verdict(record)}{terms}"
    )


def _use(name: str) -> str:
    folder = name if re.fullmatch(r"[\w.-]+", name, re.ASCII) else "this-folder"
    return f"""## Use

```
pip install 'preseason[chat]'
preseason chat {folder}
```

```python
import preseason

print(preseason.load("{folder}").chat("Who won?"))
```

`adapter/`, where there is one, opens in peft; `model/`, where there is one, in transformers."""


def _figures(record: ChatRecord) -> str:
    rows = [f"| {name} | {before} | {after} | {note} |" for name, before, after, note in figures(record)]
    table = "\n".join(["| measure | before | after | of |", "|---|---|---|---|", *rows])
    return f"## Figures\n\n{table}\n\nHeld out: {record.split['by']}."


def _limits(record: ChatRecord) -> str:
    points = [*record.warnings]
    points.append(
        "It may state things that are not true: take facts from lookup (`--knowledge`), not from fine-tuning."
    )
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points)


def _recipe(record: ChatRecord) -> str:
    rows = "\n".join(f"| {key} | {value} |" for key, value in settings(record).items())
    return f"## Recipe\n\n| | |\n|---|---|\n{rows}"
