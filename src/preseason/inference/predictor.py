"""The fitted ways together: from samples to probabilities, looking closer where attention said so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.backbones.facts import BackboneSource
from preseason.data.dataset import Sample, Skipped
from preseason.engine.extract import Decoder, Extractor, Order, RawReader
from preseason.engine.passes import Box, FeatureSpec
from preseason.inference.answers import CountedParts
from preseason.inference.attention_crops import crops_for
from preseason.inference.candidates import Candidate, Fitted, counted_of
from preseason.inference.features import Features
from preseason.inference.frames import whole_frames
from preseason.inference.probabilities import averaged, sharpened
from preseason.inference.sketch import Sketch
from preseason.runtime.progress import Progress

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.distributed.ray_cluster import RayCluster
    from preseason.distributed.workers import Workers


class FeatureExtractors:
    """Where frozen passes run: one extractor for each pass, kept as long as this object.

    Attributes:
        workers: those that share the work; None where this process is alone.
        others: of further networks, by name, where a fit reads several.
    """

    def __init__(
        self,
        backbone: BackboneSource,
        decoder: Decoder,
        cache: Path,
        device: str,
        workers: "Workers | RayCluster | None" = None,
        others: "Sequence[FeatureExtractors]" = (),
    ) -> None:
        self.backbone, self.decoder, self.cache, self.device = backbone, decoder, cache, device
        self.workers = workers
        self.others = {each.backbone.name: each for each in others}
        self._extractors: dict[FeatureSpec, Extractor | RawReader] = {}

    def extractor(self, spec: FeatureSpec) -> Extractor | RawReader:
        """The extractor of `spec`."""
        if spec not in self._extractors and spec.kept == "raw":
            self._extractors[spec] = RawReader(spec, self.decoder)
        elif spec not in self._extractors:
            self._extractors[spec] = Extractor(
                self.backbone, spec, self.decoder, self.cache, self.device, self.workers
            )
        return self._extractors[spec]

    def of(self, candidate: Candidate) -> "FeatureExtractors":
        """Those of the network that `candidate` reads."""
        return self.others[candidate.network] if candidate.network else self

    def joined(self, others: "Sequence[FeatureExtractors]") -> "FeatureExtractors":
        """With further networks beside this one."""
        return FeatureExtractors(self.backbone, self.decoder, self.cache, self.device, self.workers, others)

    def decoding(self, wrapped: Callable[[Decoder], Decoder]) -> "FeatureExtractors":
        """The same networks, fed by what `wrapped` makes of each one's decoder."""
        others = [each.decoding(wrapped) for each in self.others.values()]
        return FeatureExtractors(self.backbone, wrapped(self.decoder), self.cache, self.device, others=others)

    def trained(self) -> "Backbone | None":
        """The network whose blocks a head may copy; None of one that is no list of blocks."""
        return self.backbone.loaded() if getattr(self.backbone, "blocks_known", True) else None

    def shelf_names(self) -> list[str]:
        """Shelves of the bank in use here, which eviction leaves alone."""
        own = [each.shelf_name for each in self._extractors.values() if each.shelf_name]
        return own + [name for each in self.others.values() for name in each.shelf_names()]


def orders_for(
    candidate: Candidate, samples: Sequence[Sample], attention: Floats | None, parts: Sequence[Box]
) -> list[Order]:
    """The rows that `candidate` needs of `samples`, with looks from an earlier `attention` over `parts`."""
    if candidate.crops_from is None:
        return [Order(sample) for sample in samples]
    if attention is None:
        raise ValueError(
            f"{candidate.name} takes its looks from {candidate.crops_from}, which has no attention"
        )
    crops = crops_for([sample.fingerprint for sample in samples], attention, parts)
    return [Order(sample, crop) for sample, crop in zip(samples, crops, strict=True)]


@dataclass(frozen=True)
class RawPredictions:
    """Answers before what is known of strangers is applied.

    Attributes:
        kept: int64 [m], positions of the samples that could be read.
        probabilities: float32 [m, c], averaged over ways, calibrated.
        embeddings: float32 [m, e].
        attention: float32 [m, p] or None.
        skipped: the samples that could not be read.
        plain: float32 [m, e], what the frozen network shows of the whole examples, or None.
        parts: the part that counts where parts may be missing, such as a face; None where no way reads such.
    """

    kept: Ints
    probabilities: Floats
    embeddings: Floats
    attention: Floats | None
    skipped: tuple[Skipped, ...]
    plain: Floats | None = None
    parts: CountedParts | None = None

    @property
    def part_rows(self) -> Floats | None:
        """Rows float32 [m, d] of `parts`, None where there are none."""
        return None if self.parts is None else self.parts.rows


@dataclass(frozen=True)
class Predictor:
    """Fitted ways, in order, of which those `kept` are averaged; the others only choose looks.

    Attributes:
        embedding: name of the way whose vectors stand for an example among the known ones.
        temperature: divisor of the averaged log-probabilities.
        sketch: of whole examples as the frozen network shows them; None where no way can tell.
        weights: of the kept ways in the average; empty where all count the same.
    """

    candidates: tuple[Fitted, ...]
    kept: tuple[str, ...]
    embedding: str
    temperature: float
    sketch: Sketch | None = None
    weights: tuple[float, ...] = ()

    def attention_spec(self) -> FeatureSpec | None:
        """The pass whose parts `RawPredictions.attention` weighs: the first attention over fixed crops."""
        for fitted in self.candidates:
            if fitted.candidate.head == "attention" and fitted.candidate.crops_from is None:
                return fitted.candidate.spec
        return None

    def answer(
        self, samples: Sequence[Sample], extractors: FeatureExtractors, progress: Progress, keep: bool = False
    ) -> RawPredictions:
        """Run every way over `samples`.

        Args:
            keep: store the rows in the bank, for samples that will be asked for again.
        """
        current, kept = list(samples), np.arange(len(samples))
        skipped: list[Skipped] = []
        features: dict[str, Features] = {}
        attention: dict[str, Floats] = {}
        for fitted in self.candidates:
            candidate = fitted.candidate
            looked = self._cropped(candidate, current, attention)
            found = (
                extractors.of(candidate)
                .extractor(candidate.spec)
                .extract(looked, progress, f"reading for {candidate.name}", keep)
            )
            if len(found.kept) < len(current):
                skipped += found.failed
                current = [current[i] for i in found.kept]
                kept = kept[found.kept]
                features = {name: f.take(found.kept) for name, f in features.items()}
                attention = {name: f[found.kept] for name, f in attention.items()}
            before = [] if candidate.before is None else features[candidate.before].read()
            features[candidate.name] = Features.of([*before, found.rows])
            weights = fitted.attention(features[candidate.name]) if current else None
            if weights is not None:
                attention[candidate.name] = weights
        return self.predict_proba(kept, features, attention, tuple(skipped))

    def average(self, each: Sequence[Floats]) -> Floats:
        """Probabilities of the kept ways averaged and calibrated, float32 [n, c]."""
        return sharpened(averaged(each, self.weights), self.temperature)

    def _cropped(
        self, candidate: Candidate, samples: list[Sample], attention: dict[str, Floats]
    ) -> list[Order]:
        if candidate.crops_from is None:
            return orders_for(candidate, samples, None, ())
        origin = next(
            fitted.candidate for fitted in self.candidates if fitted.candidate.name == candidate.crops_from
        )
        return orders_for(candidate, samples, attention.get(candidate.crops_from), origin.spec.parts())

    def predict_proba(
        self,
        kept: Ints,
        features: dict[str, Features],
        attention: dict[str, Floats],
        skipped: tuple[Skipped, ...],
    ) -> RawPredictions:
        """Answers from the rows of every way, by its name."""
        by_name = {fitted.candidate.name: fitted for fitted in self.candidates}
        if len(kept) == 0:
            nothing = np.zeros((0, 0), np.float32)
            return RawPredictions(kept, nothing, nothing, None, skipped)
        each = [by_name[name].probabilities(features[name]) for name in self.kept]
        embeddings = by_name[self.embedding].embed(features[self.embedding])
        shown = next(
            (attention[f.candidate.name] for f in self.candidates if f.candidate.name in attention), None
        )
        parts = counted_of(self.candidates, features)
        return RawPredictions(
            kept, self.average(each), embeddings, shown, skipped, self._plain(features), parts
        )

    def _plain(self, features: dict[str, Features]) -> Floats | None:
        candidate = plain_candidate([fitted.candidate for fitted in self.candidates])
        if self.sketch is None or candidate is None:
            return None
        return self.sketch(plain_rows(candidate, features[candidate.name]))


def plain_candidate(candidates: Sequence[Candidate]) -> Candidate | None:
    """The first way whose rows show whole examples as the frozen network sees them."""
    return next(
        (
            candidate
            for candidate in candidates
            if candidate.spec.kept == "pooled" and candidate.before is None and not candidate.network
        ),
        None,
    ) or next(
        (
            candidate
            for candidate in candidates
            if candidate.spec.kept == "map"
            and not candidate.spec.frames
            and candidate.crops_from is None
            and not candidate.network
        ),
        None,
    )


def plain_rows(candidate: Candidate, features: Features) -> Floats:
    """Features float32 [n, d] of whole examples: of a clip the mean of its frames.

    Of a text with several windows the whole is a part of its own, which stands in front of them.
    """
    frames_alone = len(candidate.spec.parts()) == features.sources[0].shape[1]
    if candidate.spec.frames and candidate.spec.kept == "pooled" and frames_alone:
        chunks = [whole_frames(features, chunk, candidate.spec.frames) for chunk in features.chunks()]
        return np.concatenate([np.asarray(chunk, np.float32).mean(axis=1) for chunk in chunks])
    return features.pooled()
