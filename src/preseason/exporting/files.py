"""Graphs on disk: ONNX by torch's exporter, OpenVINO's format from that."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

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
        free, names = runner.free(), (runner.input_name, "before")[: len(given)]
        write_module(graph, given, names, stage.outputs, (free,) * len(given), backbone.name, path)
    return dict(zip(stage.outputs, found, strict=True))


def write_module(
    module: nn.Module,
    given: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Sequence[dict[int, Any]],
    name: str,
    path: Path,
) -> None:
    """Write a module as ONNX.

    Args:
        given: inputs to trace it with.
        free: of each input, the dimensions that may differ in use.
        name: of the network, for the message of an error.

    Raises:
        ExportError: the exporter cannot express the network.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(given),
                path,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=tuple(free),
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
    _tidy(path)


def loosen(path: Path, of_inputs: Sequence[int], of_outputs: Sequence[int]) -> None:
    """Let dimensions of a graph's inputs and outputs be any, whose operations do not depend on them.

    To trace a network of pictures with free sides takes minutes: torch.export solves for those of each map.
    """
    import onnx

    model = onnx.load(path)
    del model.graph.value_info[:]
    given, found = model.graph.input, model.graph.output
    for each, axes in [*((one, of_inputs) for one in given), *((one, of_outputs) for one in found)]:
        for axis in axes:
            each.type.tensor_type.shape.dim[axis].dim_param = f"{each.name}_{axis}"
    onnx.save(model, path)


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
