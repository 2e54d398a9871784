"""Graphs on disk: ONNX by torch's exporter, OpenVINO's format from that."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.engine.networks import import_openvino
from preseason.errors import ExportError, first_line
from preseason.exporting.graphs import Stage, StageGraph
from preseason.exporting.runners.base import ExportRunner

OPSET = 18
SCOPES = "pkg.torch.onnx.name_scopes"
"""Under which name the exporter notes the module that a node came from."""


def write_onnx(
    backbone: Backbone, stage: Stage, rows: dict[str, Tensor], path: Path, runner: ExportRunner
) -> dict[str, Tensor]:
    """Write a stage's graph; the number of photos stays free, of a text how many tokens a window has.

    Args:
        runner: of the models that the stage is of.
        rows: outputs of earlier stages on the trial example.

    Returns:
        The outputs on the trial example, for later stages.

    Raises:
        ExportError: the exporter cannot express the network.
    """
    graph = StageGraph(backbone, stage, runner).eval()
    given = [runner.trial(backbone, stage.spec)]
    given += [rows[stage.before]] if stage.before else []
    with torch.inference_mode(False), torch.no_grad():
        found = graph(*given)
        _export(graph, tuple(given), backbone.name, path)
        _tidy(path)
    return dict(zip(stage.outputs, found, strict=True))


def _export(graph: StageGraph, given: tuple[Tensor, ...], name: str, path: Path) -> None:
    runner, stage = graph.runner, graph.stage
    free, names = runner.free(), [runner.input_name, "before"][: len(given)]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                given,
                path,
                input_names=names,
                output_names=list(stage.outputs),
                dynamic_shapes=(free, free)[: len(given)],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                dynamo=True,
            )
    except Exception as error:
        raise ExportError(
            f"{name} cannot be written as ONNX: {first_line(error)}. Fit with another --backbone, "
            "or use preseason serve."
        ) from error


def _tidy(path: Path) -> None:
    """Drop what the exporter noted of this machine's source files; which module a node is of stays."""
    import onnx

    model = onnx.load(path)
    for each in (model, model.graph, *model.graph.node, *model.graph.value_info):
        kept = [entry for entry in each.metadata_props if entry.key == SCOPES]
        del each.metadata_props[:]
        each.metadata_props.extend(kept)
    onnx.save(model, path)


def write_openvino(onnx: Path, path: Path) -> None:
    """The same graph in OpenVINO's format: `path` (.xml) and weights beside it."""
    ov = import_openvino()
    ov.save_model(ov.convert_model(onnx), path, compress_to_fp16=False)
