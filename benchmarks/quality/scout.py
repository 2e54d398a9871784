"""Scout's order of networks against the true one: `python benchmarks/quality/scout.py SETS --out FILE.jsonl`.

SETS is a folder of data sets, as picture_sets.py makes it. Few weights are at hand, so networks are made of
the embedded one: whole; cut after fewer blocks; with its last blocks made random; all random; tuned on a part
of another set. Each is scouted (linear head, neighbours, LogME, H-score, on the bank) and fitted: attention
over regions by default, `--fit tuned` its last two blocks with them. Every pair of set and network is a line
of the file, and what stands there is not done again, so the work can be stopped and gone on with. In the end
Kendall's tau is told for each measure, and for one fixed order as control: mean ranks over the other sets.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preseason import backbones
from preseason.backbones.base import Backbone
from preseason.backbones.folder import random_copy
from preseason.backbones.library import libraries
from preseason.data.labels import targets_of
from preseason.data.split import folds, group_numbers
from preseason.heads.base import TrainingSet
from preseason.inference.candidates import Candidate
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors, orders_for
from preseason.openset.detection import thin
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.tasks.reading import read, task_for
from preseason.training.cross_validation import cross_val_fit
from preseason.training.selection import accuracy
from preseason.transferability.measures import h_score, logme, neighbour_accuracy

CUTS = (4, 6, 8)
RANDOM = (1, 3, 5, 7)
MEASURES = ("linear", "neighbours", "logme", "h_score")
TUNING_EPOCHS = 4


@dataclass(frozen=True)
class CandidateResult:
    """A network, and how many of its first blocks are looked at; 0 for all."""

    name: str
    backbone: Backbone
    first: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="names of sets, with commas between them")
    parser.add_argument("--most", type=int, default=400, help="examples of a set that are used")
    parser.add_argument("--fit", choices=("attention", "tuned"), default="attention")
    parser.add_argument("--seconds", type=float, default=1e9, help="time after which to stop; start again")
    parser.add_argument("--cache")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), flush=True)
    begin, done = time.monotonic(), lines_of(asked.out)
    paths = [path for path in sorted(asked.sets.iterdir()) if path.is_dir()]
    names = asked.only.split(",") if asked.only else [path.name for path in paths]
    for path in (each for each in paths if each.name in names):
        for candidate in candidates(path, paths, asked):
            if (path.name, candidate.name) in {(line["set"], line["network"]) for line in done}:
                continue
            if time.monotonic() - begin > asked.seconds:
                return
            line = {"set": path.name, "network": candidate.name} | measured(path, candidate, asked)
            print(json.dumps(line), flush=True)
            done.append(line)
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    tell(done)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def candidates(path: Path, paths: list[Path], asked: argparse.Namespace) -> list[CandidateResult]:
    """The networks, the same for every set but for the one tuned on another set."""
    whole = backbones.load("efficientnet_lite0")
    found = [CandidateResult("whole", whole)]
    found += [CandidateResult(f"first {count} blocks", whole, count) for count in CUTS]
    found += [CandidateResult(f"last {count} random", partly_random(whole, count)) for count in RANDOM]
    found.append(CandidateResult("random", random_copy(whole, 0)))
    other = paths[(paths.index(path) + 1) % len(paths)]
    return [*found, CandidateResult("tuned elsewhere", tuned(whole, other, asked))]


def partly_random(whole: Backbone, count: int) -> Backbone:
    """The same network with its last `count` blocks made random."""
    copy = random_copy(whole, count)
    with torch.no_grad():
        for mine, theirs in list(zip(copy.split.blocks, whole.split.blocks, strict=True))[:-count]:
            mine.load_state_dict(theirs.state_dict())
    name = f"{whole.name} last {count} random"
    return Backbone(name, copy.network, copy.split, whole.preprocessing, "none", whole.library)


def tuned(whole: Backbone, other: Path, asked: argparse.Namespace) -> Backbone:
    """All of its blocks tuned for a short time on 64 pictures of another set, at 128 pixels."""
    kept = asked.out.with_name(f"tuned-{other.name}.pt")
    library = libraries.get(whole.library)
    network = random_copy(whole, 0).network
    network.load_state_dict(whole.network.state_dict())
    if kept.exists():
        network.load_state_dict(torch.load(kept, weights_only=True))
    else:
        train(network, whole, other, asked)
        torch.save(network.state_dict(), kept)
    split = library.split(network.eval())
    return Backbone(f"tuned on {other.name}", network, split, whole.preprocessing, "none", whole.library)


def train(network: torch.nn.Module, whole: Backbone, other: Path, asked: argparse.Namespace) -> None:
    """Plain gradient descent; batch normalisation keeps its statistics."""
    from preseason.engine.graphs.pictures import FrozenFeatures
    from preseason.engine.passes import FeatureSpec

    samples, targets, _, labels = examples(other, 64)
    spec = FeatureSpec(128)
    source = task_for(other).decoder(whole)
    pictures = torch.from_numpy(np.concatenate([source.decode(sample, spec) for sample in samples]))
    head = torch.nn.Linear(whole.width, len(labels))
    normalise = FrozenFeatures(whole, spec).normalise
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=3e-4)
    rng, split = np.random.default_rng(0), libraries.get(whole.library).split(network.eval())
    for _ in range(TUNING_EPOCHS):
        for chunk in np.array_split(rng.permutation(len(samples)), 4):
            x = normalise(pictures[chunk])
            for block in split.blocks:
                x = block(x)
            loss = torch.nn.functional.cross_entropy(head(x.mean((2, 3))), torch.from_numpy(targets[chunk]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def examples(path: Path, most: int) -> tuple[list[Any], np.ndarray, np.ndarray, tuple[str, ...]]:
    audit = read(path, Silent())
    targets = targets_of(audit.dataset.samples, audit.dataset.labels)
    order = np.random.default_rng(0).permutation(len(targets))
    chosen = np.sort(order[thin(targets[order], most)])
    samples = [audit.dataset.samples[i] for i in chosen]
    return samples, targets[chosen], group_numbers(samples), audit.dataset.labels


def measured(path: Path, candidate: CandidateResult, asked: argparse.Namespace) -> dict[str, Any]:
    """What scouting says, what the fit reaches, and the seconds of both beyond reading."""
    task, recipe = task_for(path), Recipe()
    samples, targets, groups, labels = examples(path, asked.most)
    backbone = candidate.backbone
    extractors = FeatureExtractors(backbone, task.decoder(backbone), cache_folder(asked.cache), "cpu")
    blocks = tuple(range(candidate.first))
    candidates = [looking(candidate, blocks) for candidate in task.candidates(recipe, backbone, samples)]
    first, second = (
        candidates[0],
        next(candidate for candidate in candidates if candidate.head == "attention"),
    )
    clock = time.monotonic()
    extracted = extractors.extractor(first.spec).extract(
        orders_for(first, samples, None, ()), Silent(), "reading"
    )
    reading = time.monotonic() - clock
    features, pairs = Features.of([extracted.rows]), folds(targets, groups, recipe.folds, 0)
    training_set = TrainingSet(features, targets, len(labels), pairs, 0, backbone=backbone)
    clock = time.monotonic()
    linear = cross_val_fit(first, training_set, None, None)
    rows = features.whole()
    found = {
        "linear": accuracy(linear.oof_proba, targets[linear.oof_index]),
        "neighbours": neighbour_accuracy(rows, targets, pairs),
        "logme": logme(rows, targets),
        "h_score": h_score(rows, targets),
    }
    scouting = time.monotonic() - clock
    clock = time.monotonic()
    fit = cross_val_fit(second, training_set, None, None)
    reached = accuracy(fit.oof_proba, targets[fit.oof_index])
    if asked.fit == "tuned" and not candidate.first:
        reached = max(reached, last_blocks(task, extractors, samples, training_set))
    seconds = {"reading": reading, "scouting": scouting, "fitting": time.monotonic() - clock}
    return found | {"reached": reached, "examples": len(samples), "seconds": seconds}


def looking(candidate: Candidate, blocks: tuple[int, ...]) -> Candidate:
    return replace(candidate, spec=replace(candidate.spec, blocks=blocks)) if blocks else candidate


def last_blocks(
    task: Any, extractors: FeatureExtractors, samples: list[Any], training_set: TrainingSet
) -> float:
    """The last two blocks tuned on views of the whole picture."""
    recipe = Recipe(unfreeze="2")
    candidate = task.candidates(recipe, extractors.backbone, samples)[-1]
    rows = (
        extractors.extractor(candidate.spec)
        .extract(orders_for(candidate, samples, None, ()), Silent(), "maps", False)
        .rows
    )
    fit = cross_val_fit(
        replace(candidate, fold_models=None), replace(training_set, features=Features.of([rows])), None, None
    )
    return accuracy(fit.oof_proba, training_set.targets[fit.oof_index])


def tell(lines: list[dict[str, Any]]) -> None:
    """Kendall's tau of every measure on every set, and of the fixed order."""
    from scipy.stats import kendalltau, rankdata

    sets = sorted({line["set"] for line in lines})
    table = {name: {line["network"]: line for line in lines if line["set"] == name} for name in sets}
    networks = sorted(set.intersection(*(set(table[name]) for name in sets)))
    truth = {name: np.array([table[name][network]["reached"] for network in networks]) for name in sets}
    print(f"\n{len(networks)} networks: {', '.join(networks)}")
    print(f"{'set':>12} " + " ".join(f"{measure:>10}" for measure in (*MEASURES, "fixed")) + "   reached")
    taus = []
    for name in sets:
        columns = [[table[name][network][measure] for network in networks] for measure in MEASURES]
        others = [rankdata(truth[other]) for other in sets if other != name]
        columns.append(list(np.mean(others, axis=0)) if others else [0.0] * len(networks))
        tau = [float(kendalltau(column, truth[name]).statistic) for column in columns]
        taus.append(tau)
        reached = " ".join(f"{100 * value:.0f}" for value in truth[name])
        print(f"{name:>12} " + " ".join(f"{value:10.2f}" for value in tau) + f"   {reached}")
    print(f"{'mean':>12} " + " ".join(f"{value:10.2f}" for value in np.mean(taus, axis=0)))
    cost = [line["seconds"] for line in lines]
    share = np.sum([each["scouting"] for each in cost]) / np.sum(
        [each["fitting"] + each["scouting"] for each in cost]
    )
    print(f"scouting takes {100 * share:.0f} % of linear head and attention together, reading shared")


if __name__ == "__main__":
    main()
