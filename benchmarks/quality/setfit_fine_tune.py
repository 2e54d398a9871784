"""SetFit on the texts that texts.py draws: `python benchmarks/quality/setfit_fine_tune.py TABLES ENCODER`.

A comparison in an environment of its own (`pip install setfit "transformers<5"`; it is no dependency).
`texts.py TABLE --text COLUMN --label COLUMN --tables TABLES` writes what both learn from and are judged by;
ENCODER is a folder with the encoder in the form of sentence-transformers. Settings are SetFit's own.
"""

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--counts", default="8")
    asked = parser.parse_args()
    try:
        import setfit  # type: ignore[import-not-found]
    except ImportError as error:
        raise SystemExit(f"SetFit is not installed: pip install setfit 'transformers<5' ({error})") from None
    print("python " + " ".join(sys.argv), f"setfit {setfit.__version__}", sep="\n", flush=True)
    test = texts_of(asked.tables / "held-out.csv")
    for count in asked.counts.split(","):
        right = [scored(setfit, path, test, asked) for path in sorted(asked.tables.glob(f"{count}-*.csv"))]
        print(
            f"{count} a class: mean {100 * sum(right) / len(right):.1f} % of {len(right)} draws", flush=True
        )


def texts_of(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def scored(setfit: Any, path: Path, test: list[tuple[str, str]], asked: argparse.Namespace) -> float:
    """Share of the held-out texts that a model of the drawn ones answers rightly."""
    from datasets import Dataset  # type: ignore[import-not-found]

    learn = texts_of(path)
    begin = time.perf_counter()
    model = setfit.SetFitModel.from_pretrained(str(asked.encoder))
    rows = Dataset.from_dict({"text": [text for text, _ in learn], "label": [label for _, label in learn]})
    setfit.Trainer(model=model, args=setfit.TrainingArguments(), train_dataset=rows).train()
    said = model.predict([text for text, _ in test])
    right = sum(str(one) == label for one, (_, label) in zip(said, test, strict=True)) / len(test)
    print(f"{path.stem}: {100 * right:.1f} % in {time.perf_counter() - begin:.0f} s", flush=True)
    return right


if __name__ == "__main__":
    main()
