"""A look at every file once: what it is, whether it can be decoded, and of what it is a copy."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.data import groups, near_duplicates
from preseason.data.account import Account, account_of
from preseason.data.actions import BACKGROUND
from preseason.data.dataset import Dataset, Member, Sample, Skipped
from preseason.data.files import readable
from preseason.errors import MediaError
from preseason.media import content, image
from preseason.runtime.progress import Progress, Silent
from preseason.runtime.threads import available

TINY_SIDE = 32  # pixels of the shorter side below which a picture shows little
NARROW = 6  # times as long as wide: a banner or a strip, squeezed beyond recognition
SCENE = 6  # near-duplicates that are most of their class: from this number on they count as one scene
Clusters = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Signature:
    """What one reading of a file tells.

    Attributes:
        fingerprint: 32 hex digits of the content, see `digest`.
        size: height and width in pixels; (0, 0) for media without.
        thumbnail: uint8 [48, 54] for the search of near-duplicates, or None for exact ones only.
        taken: camera and seconds of its clock when a photo was taken; None where nobody knows.
        essence: equal for what says the same, e.g. a text and its retweets; empty where nothing is known.
        fault: why it shows or says little though it can be read, e.g. `silent`; empty where it does not.
    """

    fingerprint: str
    size: tuple[int, int] = (0, 0)
    thumbnail: near_duplicates.Thumbnail | None = None
    essence: str = ""
    taken: tuple[str, float] | None = None
    fault: str = ""


@dataclass(frozen=True)
class Audit:
    """What the audit found; indices are those of `dataset.samples`.

    Attributes:
        dataset: decodable samples with fingerprints; `group` joins declared groups and copies.
        clusters: two or more samples that are the same or nearly the same, rising.
        exact: the part of it with equal content.
        conflicts: equal content under different labels; at least one label is wrong.
        mixed: clusters of `clusters` with more than one label, the conflicts among them.
        scenes: near-duplicates that make up most of a class, as frames of a fixed camera do. Kept in one
            group they could not be both learnt and tested, so only their exact copies are; a score on
            them flatters unless the user names groups (match, video).
        bridges: near-duplicates that lie in several declared groups and would join so many of these that a
            class could not be both learnt and tested, as one broadcaster's graphics join all matches. The
            declared groups stand, and only exact copies join them.
        odd: samples that show little, each with the reason; the tiny ones among them.
        families: groups from names, folders and times, and whether they are used.
        task, noun: what would be learnt, by name, and what the examples are called.
        sizes: int64 [n, 2], height and width.
    """

    dataset: Dataset
    clusters: Clusters
    exact: Clusters
    conflicts: Clusters
    mixed: Clusters
    scenes: Clusters
    sizes: NDArray[np.int64]
    bridges: Clusters = ()
    odd: tuple[tuple[int, str], ...] = ()
    families: tuple[groups.Family, ...] = ()
    task: str = ""
    noun: str = "examples"

    @property
    def account(self) -> Account:
        """How the data were read, in a sentence and in plain values."""
        return account_of(self.dataset, self.task, self.noun)


def fingerprint(path: Path) -> str:
    """`digest` of a file, read in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    whole = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            whole.update(piece)
    return whole.hexdigest()


def digest_of(sample: Sample) -> str:
    """`digest` of the content of a sample, a file of its own or inside a container.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(sample.source, Member):
        return content.digest(sample.source.content())
    return fingerprint(sample.path)


def photo_signature(sample: Sample) -> Signature:
    """The signature of a photo, its file read once and decoded at reduced size.

    Raises:
        MediaError: the file cannot be read or decoded.
    """
    try:
        data = sample.source.content()
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None
    thumb = near_duplicates.thumbnail(image.decode(data, 2 * near_duplicates.WIDTH))
    return Signature(content.digest(data), image.size(data), thumb, taken=image.taken(data))


def audit(
    dataset: Dataset,
    signature: Callable[[Sample], Signature] = photo_signature,
    progress: Progress | None = None,
    workers: int | None = None,
    group: str | None = None,
) -> Audit:
    """Read every sample once; drop what cannot be decoded; put copies into one group.

    Copies with one label are all kept, in one group, so that a split never separates them; copies under
    different labels are kept as well and named in `conflicts` and `mixed`.

    Args:
        dataset: as a layout read it.
        signature: reads one sample; raises MediaError for one that cannot be decoded.
        progress: told of each sample read.
        workers: threads, by default as many as this process may use.
        group: a regular expression that names groups, or `none`: only equal content belongs together; by
            default groups come from the layout, from names, folders, times and near-duplicates.

    Raises:
        UsageError: `group` matches nothing.
    """
    if group is not None:
        dataset = groups.ungrouped(dataset) if group == groups.NONE else groups.named_by(group, dataset)
    shown = progress or Silent()
    shown.start("audit", len(dataset.samples))
    with ThreadPoolExecutor(workers or available()) as pool:
        seen: list[Signature | MediaError] = []
        for result in pool.map(partial(_attempt, signature), dataset.samples):
            seen.append(result)
            shown.advance()
    shown.finish()
    signatures = [result for result in seen if isinstance(result, Signature)]
    return _judged(_decodable(dataset, seen), signatures, group)


def _attempt(signature: Callable[[Sample], Signature], sample: Sample) -> Signature | MediaError:
    try:
        return signature(sample)
    except MediaError as error:
        return error.with_traceback(None)


def _decodable(dataset: Dataset, seen: Sequence[Signature | MediaError]) -> Dataset:
    kept, skipped = [], []
    for sample, result in zip(dataset.samples, seen, strict=True):
        if isinstance(result, Signature):
            kept.append(replace(sample, fingerprint=result.fingerprint))
        else:
            skipped.append(Skipped(readable(str(sample.source)), str(result)))
    return dataset.keep(tuple(kept), tuple(skipped))


def _judged(dataset: Dataset, signatures: list[Signature], group: str | None = None) -> Audit:
    samples = dataset.samples
    exact = _equal((sample.fingerprint, sample.span) for sample in samples)
    same = (*exact, *_equal(each.essence or index for index, each in enumerate(signatures)))
    links = _Links(len(samples))
    for cluster in same:
        links.join(cluster)
    _join_copies(links, exact, signatures)
    alike = links.clusters() if any(each.thumbnail is not None for each in signatures) else ()
    scenes = tuple(cluster for cluster in alike if _is_scene(cluster, samples))
    links = links.without(scenes, same)
    bridges = _bridges(links, samples)
    links = links.without(bridges, same)
    clusters = links.clusters()
    together = links.without(clusters, exact) if group == groups.NONE else links
    families = _related(together, dataset, signatures) if group is None else ()
    sizes = np.array([each.size for each in signatures], np.int64).reshape(-1, 2)
    return Audit(
        dataset=replace(dataset, samples=_grouped(samples, together)),
        clusters=clusters,
        exact=exact,
        conflicts=_disagreeing(exact, samples),
        mixed=_mixed(clusters, samples),
        scenes=scenes,
        bridges=bridges,
        sizes=sizes,
        odd=_odd(sizes, signatures),
        families=families,
    )


def _related(links: "_Links", dataset: Dataset, signatures: list[Signature]) -> tuple[groups.Family, ...]:
    """Join what names, folders and times say belongs together, where that leaves enough to test on."""
    clues = [groups.Clue(each.thumbnail, each.taken) for each in signatures]
    families = []
    for kind, members in groups.proposals(dataset, clues).items():
        if not members:
            continue

        family = groups.judged(
            kind, members, dataset.samples, partial(_with_declared, links, dataset.samples)
        )
        families.append(family)
        for cluster in members if family.used else ():
            links.join(cluster)
    return tuple(families)


def _odd(sizes: NDArray[np.int64], signatures: list[Signature]) -> tuple[tuple[int, str], ...]:
    """Samples that show little, with the reason; the first that holds."""
    found = []
    for index, ((height, width), each) in enumerate(zip(sizes.tolist(), signatures, strict=True)):
        short, long = sorted((height, width))
        if each.fault:
            found.append((index, each.fault))
        elif 0 < short < TINY_SIDE:
            found.append((index, f"under {TINY_SIDE} pixels on a side"))
        elif short and long > NARROW * short:
            found.append((index, f"more than {NARROW} times as long as wide"))
        elif each.thumbnail is not None and each.thumbnail.std() < near_duplicates.FLAT:
            found.append((index, "of one colour"))
    return tuple(found)


def _is_scene(cluster: tuple[int, ...], samples: tuple[Sample, ...]) -> bool:
    """Whether a cluster is long and holds more than half of one of its classes."""
    if len(cluster) < SCENE:
        return False
    totals = Counter(sample.label for sample in samples)
    return any(2 * n > totals[label] for label, n in Counter(samples[i].label for i in cluster).items())


def _bridges(links: "_Links", samples: tuple[Sample, ...]) -> Clusters:
    """Near-duplicates across declared groups, where joining these would leave a class too few."""
    crossing = tuple(
        cluster
        for cluster in links.clusters()
        if len({samples[i].group for i in cluster if samples[i].group is not None}) > 1
    )
    apart = links.without(crossing, ())
    if not crossing or groups.keeps_enough(crossing, samples, partial(_with_declared, apart, samples)):
        return ()
    return crossing


def _equal(keys: Iterable[object]) -> Clusters:
    places: defaultdict[object, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        places[key].append(index)
    return tuple(tuple(members) for members in places.values() if len(members) > 1)


def _join_copies(links: "_Links", exact: Clusters, signatures: list[Signature]) -> None:
    """Join near-duplicates; of equal files one stands for all."""
    repeats = {index for cluster in exact for index in cluster[1:]}
    chosen = [i for i, each in enumerate(signatures) if each.thumbnail is not None and i not in repeats]
    if len(chosen) < 2:
        return
    thumbs = np.stack([thumb for i in chosen if (thumb := signatures[i].thumbnail) is not None])
    for number, copies in near_duplicates.pairs(thumbs):
        links.join([chosen[number], *(chosen[copy] for copy in copies.tolist())])


def _disagreeing(clusters: Clusters, samples: tuple[Sample, ...]) -> Clusters:
    return tuple(cluster for cluster in clusters if len({samples[i].label for i in cluster}) > 1)


def _mixed(clusters: Clusters, samples: tuple[Sample, ...]) -> Clusters:
    """Copies under two labels of which one is wrong, as far as a person gave them.

    Stretches of one video that look alike at different times are no copies, and background is no label.
    """
    return tuple(cluster for cluster in clusters if _disagree([samples[i] for i in cluster]))


def _disagree(copies: list[Sample]) -> bool:
    named = [copy for copy in copies if copy.span is None or copy.label != BACKGROUND]
    places = {(copy.source, copy.span) for copy in named}
    if len({(copy.source, copy.span, copy.label) for copy in named}) > len(places):
        return True
    apart = any(copy.span is None for copy in named) or len({copy.source for copy in named}) > 1
    return apart and len({copy.label for copy in named}) > 1


class _Links:
    """Union-find: which of n samples hang together."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, index: int) -> int:
        """The least sample that `index` hangs together with."""
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, members: Sequence[int]) -> None:
        """Make all `members` hang together."""
        roots = {self.root(member) for member in members}
        least = min(roots)
        for each in roots:
            self._parent[each] = least

    def without(self, scenes: Clusters, exact: Clusters) -> "_Links":
        """These links less those inside `scenes`, where only the `exact` ones are left."""
        fewer = _Links(len(self._parent))
        for cluster in (*(each for each in self.clusters() if each not in scenes), *exact):
            fewer.join(cluster)
        return fewer

    def clusters(self) -> Clusters:
        """All sets of two or more, rising."""
        return _equal(self.root(index) for index in range(len(self._parent)))


def _with_declared(links: _Links, samples: tuple[Sample, ...], more: Clusters = ()) -> list[int]:
    """Root of every sample where declared groups, and `more`, hang together as well."""
    joined = links.without((), more)
    for members in _equal(_declared(index, sample) for index, sample in enumerate(samples)):
        joined.join(members)
    return [joined.root(index) for index in range(len(samples))]


def _grouped(samples: tuple[Sample, ...], links: _Links) -> tuple[Sample, ...]:
    """Samples whose groups join what the user declared with what hangs together by content."""
    roots = _with_declared(links, samples)
    named: dict[int, str] = {}
    for root, sample in zip(roots, samples, strict=True):
        if sample.group is not None:
            named[root] = min(sample.group, named.get(root, sample.group))
    size = Counter(roots)
    return tuple(
        replace(sample, group=named.get(root, f"copies of {samples[root].fingerprint}"))
        if size[root] > 1 or root in named
        else sample
        for root, sample in zip(roots, samples, strict=True)
    )


def _declared(index: int, sample: Sample) -> object:
    return sample.group if sample.group is not None else index
