"""fastai's `fine_tune` with the same weights and split: `python benchmarks/quality/fastai_fine_tune.py DATA`.

A comparison for those who have fastai installed (it is no dependency). A fifth of the photos is held out, the
same for both sides; copies and near-copies stay on one side.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import preseason
from preseason import backbones
from preseason.data.split import hold_out
from preseason.tasks.reading import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    try:
        import fastai.vision.all as fv  # type: ignore[import-not-found]
    except ImportError:
        raise SystemExit("fastai is not installed: pip install fastai in an environment of its own") from None
    print("python " + " ".join(sys.argv))
    dataset = read(asked.data).dataset
    _, test = hold_out(dataset, 0.2, asked.seed)
    begin = time.perf_counter()
    record = preseason.fit(asked.data, test_fraction=0.2, seed=asked.seed, refit=False).record
    ours = time.perf_counter() - begin
    print(f"preseason         {100 * record.score.value:.1f} % of {record.score.n} in {ours:.0f} s")
    begin = time.perf_counter()
    learner = _learner(fv, dataset, test)
    learner.fine_tune(asked.epochs)
    theirs = time.perf_counter() - begin
    for name, answer in (("fine_tune", learner.get_preds), ("with augmentation", learner.tta)):
        chances, truth = answer()
        right = float((chances.argmax(1) == truth).float().mean())
        print(f"{name:17} {100 * right:.1f} % of {len(truth)} in {theirs:.0f} s ({theirs / ours:.1f} x ours)")


def _learner(fv: Any, dataset: Any, test: Any) -> Any:
    """The usual fastai learner on the embedded network's body."""
    backbone = backbones.load("efficientnet_lite0")
    settings = backbone.preprocessing
    held = set(np.asarray(test).tolist())
    block = fv.DataBlock(
        blocks=(fv.ImageBlock, fv.CategoryBlock),
        get_x=lambda i: dataset.samples[i].path,
        get_y=lambda i: dataset.samples[i].label,
        splitter=fv.FuncSplitter(lambda i: i in held),
        item_tfms=fv.Resize(settings.size),
        batch_tfms=[*fv.aug_transforms(), fv.Normalize.from_stats(settings.mean, settings.std)],
    )
    loaders = block.dataloaders(range(len(dataset.samples)), bs=32)
    network = backbone.network
    network.reset_classifier(0, "")
    head = fv.create_head(network.num_features, len(dataset.labels))
    model = fv.nn.Sequential(network.requires_grad_(True), head)
    fv.apply_init(model[1], fv.nn.init.kaiming_normal_)
    return fv.Learner(
        loaders, model, splitter=lambda m: [fv.params(m[0]), fv.params(m[1])], metrics=fv.accuracy
    )


if __name__ == "__main__":
    main()
