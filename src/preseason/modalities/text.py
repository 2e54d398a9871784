"""Texts: cells of a table, files of plain text, and what is typed."""

from pathlib import Path

from preseason.data.dataset import Sample, Source, Text
from preseason.errors import MediaError, UsageError
from preseason.media import content, text
from preseason.media.content import digest
from preseason.modalities.base import Cost, Units, modalities

MAX_WORDS = 160
"""Longer texts lose several words at a time."""


class Texts:
    """The modality `text`."""

    name = "text"
    viewer = "text"
    hub_task = "text-classification"
    file_name = "text.txt"
    package = "'preseason[text]'"
    typed = True
    timed = False
    hides_words = True

    def check(self, path: Path) -> str | None:
        """None for a file of plain text."""
        head = content.read_head(path)
        kind = content.kind(head)
        if kind not in ("text file", "empty file", None):
            return f"a {kind}, not a text"
        try:
            text.decoded(head)
        except MediaError as error:
            return str(error)
        return None

    def source(self, path: Path) -> Source:
        """What the file says."""
        return Text(text.read_text(path))

    def cost(self, source: Source) -> Cost:
        """Its letters."""
        return Cost(letters=len(source.read()))

    def quote(self, sample: Sample) -> str:
        """The text."""
        return sample.source.read()

    def units(self, sample: Sample) -> Units:
        """Runs of words left out in turn; of short texts single words."""
        words = sample.source.read().split()
        if not words:
            raise UsageError("explain needs a text with words in it.")
        step = -(-len(words) // MAX_WORDS)
        starts = range(0, len(words), step)
        without = (" ".join(words[:at] + words[at + step :]) or "." for at in starts)
        sources = [Text(each) for each in (" ".join(words), *without)]
        forms = tuple(Sample(each, fingerprint=digest(each.content())) for each in sources)
        return Units("words", tuple(" ".join(words[at : at + step]) for at in starts), forms)


modalities.add("text", Texts())
