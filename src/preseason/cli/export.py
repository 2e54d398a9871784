"""`preseason export MODEL --to FORMAT -o FOLDER`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from preseason.cli.bars import progress
from preseason.cli.verbs import AliasedOption, Outcome, verb

if TYPE_CHECKING:
    from preseason.exporting.checking import Check
    from preseason.exporting.export import Export
    from preseason.exporting.finders import BoxCheck

FORMATS = ("onnx", "openvino", "onnx-int8", "openvino-int8", "timm", "transformers")


@verb("export")
@click.argument("model")
@click.option(
    "--to",
    type=click.Choice(FORMATS),
    default="onnx",
    show_default=True,
    help="Export format: an engine, or the library that will load the network.",
)
@click.option(
    "-o", "--output", metavar="FOLDER", help="Folder to write.  [default: MODEL-FORMAT, beside MODEL]"
)
@click.option(
    "--data",
    multiple=True,
    metavar="PATH",
    help=(
        "Examples to check the export with, ideally a labelled folder the model has not seen; int8 "
        "needs them."
    ),
)
@click.option(
    "--no-strict",
    "allow_difference",
    cls=AliasedOption,
    hidden_names=["--allow-difference"],
    is_flag=True,
    help=(
        "Keep an export that differs from the model by more than half a point, or leaves part of it behind."
    ),
)
@click.option("--cache", metavar="FOLDER", help="Folder of the feature bank (also PRESEASON_CACHE).")
def export(
    *,
    model: str,
    to: str,
    output: str | None,
    data: tuple[str, ...],
    allow_difference: bool,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Export a model to another engine, with a small program that runs it without torch.

    Preprocessing, all heads, calibration and the test for unknown inputs are included. The export is compared
    with the model on the same examples and refused if they differ by more than half a point.

    For timm and transformers only the adapted network is exported, with its classifier if it was tuned.
    """
    import preseason

    folder = output if output is not None else f"{model.rstrip('/')}-{to}"
    done = preseason.export(
        model,
        folder,
        to=to,
        data=data,
        allow_difference=allow_difference,
        progress=progress(quiet),
        cache=cache,
    )
    fields = {"model": model, "folder": folder, "to": to, "files": done.files, "bytes": done.bytes}
    check = None if done.check is None else asdict(done.check)
    return Outcome(fields | {"check": check, "left": done.left}, _text(folder, done))


def _text(folder: str, done: "Export") -> str:
    from preseason.exporting.finders import BoxCheck

    noun = "pictures" if isinstance(done.check, BoxCheck) else done.task
    use = f"Run it with: python {folder}/run.py {noun[:-1].upper()}..."
    if done.to in ("timm", "transformers"):
        use = f"{folder}/README.md shows how to load it."
    checked = _checked(done.check, done.made, noun)
    lines = [f"{folder}: {done.to}, {done.bytes / 1e6:.1f} MB. {use}", *checked]
    if done.left:
        lines.append(f"Not included: {'; '.join(done.left)}.")
    return "\n".join(lines)


def _checked(check: "Check | BoxCheck | None", made: str, noun: str) -> list[str]:
    from preseason.exporting.finders import BoxCheck

    if check is None:
        return ["It has no classifier: it outputs vectors."]
    what = f"{made} (use your own with --data)" if check.drawn else noun
    if isinstance(check, BoxCheck):
        return [
            f"Compared with the model on {check.n} {what}, {check.boxes} boxes: "
            f"{100 * check.same:.1f} % equal within half a pixel (the furthest edge {check.pixels:.3f}), "
            f"largest difference in score {check.largest:.4f}."
        ]
    lines = [
        (
            f"Compared with the model on {check.n} {what}: same label for "
            f"{100 * check.same_label:.1f} %, largest difference in probability {check.largest:.4f}."
        )
    ]
    if check.accuracy is not None:
        before, after = (100 * value for value in check.accuracy)
        lines.append(f"Accuracy on these: model {before:.1f} %, export {after:.1f} %.")
    return lines
