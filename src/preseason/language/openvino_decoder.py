"""Generation with OpenVINO: the key-value cache is the graph's own state, the weights take eight bits.

One token at a time is bound by reading the weights from memory: in eight bits, one scale for each output,
they are
a quarter of float32. The graph is made from transformers' own code, with masks and positions given from
outside, since what builds them there cannot be traced.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from preseason.engine.forks import refuse_fork
from preseason.engine.networks import core_of_process, import_openvino, keep, read_kept
from preseason.language.decoding import Logits
from preseason.language.quiet_transformers import quiet_transformers
from preseason.runtime.threads import available

MIN_WEIGHTS = 4096
"""Smaller matrices are left in float32."""


class OpenVinoDecoder:
    """A `Decoder` that holds its text in the state of one inference request.

    Args:
        network: a transformers model; it is not changed.
        bits: 8 or 32.
        kept: file in which the converted graph is kept, None to convert each time.

    Raises:
        Exception: OpenVINO cannot convert the network; there are as many kinds as families.
    """

    def __init__(self, network: Any, bits: int = 8, kept: Path | None = None) -> None:
        ov = import_openvino()
        self.name = f"OpenVINO, {bits} bits"
        self.window = getattr(network.config, "sliding_window", None)
        core = core_of_process()
        known = None if kept is None else read_kept(core, kept)
        model = _converted(network, bits) if known is None else known
        if known is None and kept is not None:
            # A cache that cannot be written costs the conversion at every start, nothing else.
            with suppress(OSError, RuntimeError):
                keep(ov, model, kept)
        settings = {
            "INFERENCE_NUM_THREADS": available(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "KV_CACHE_PRECISION": "f32",
        }
        self.names = {name for port in model.inputs for name in port.get_names()}
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()
        self.length = 0

    def start(self, tokens: Sequence[int]) -> Logits:
        """Forget everything and read the prompt in one go."""
        self.request.reset_state()
        self.length = 0
        return self._read(tokens)

    def step(self, token: int) -> Logits:
        """Read one token."""
        return self._read([token])

    def _read(self, tokens: Sequence[int]) -> Logits:
        before, size = self.length, len(tokens)
        self.length += size
        rows, columns = np.arange(before, self.length)[:, None], np.arange(self.length)[None]
        hidden = columns > rows
        inputs = {
            "ids": np.array([list(tokens)], np.int64),
            "positions": rows.T.astype(np.int64),
            "full": _mask(hidden),
        }
        if "sliding" in self.names:
            inputs["sliding"] = _mask(hidden | (columns <= rows - (self.window or self.length + 1)))
        refuse_fork()
        found = self.request.infer(inputs)
        logits: Logits = np.array(found[self.request.model_outputs[0]][0, -1], np.float32)
        return logits


def _mask(hidden: Any) -> Any:
    """Additive float32 mask [1, 1, t, past + t]."""
    return np.where(hidden, np.finfo(np.float32).min, 0).astype(np.float32)[None, None]


def _handed_in(past: Sequence[Tensor]) -> Any:
    """A cache that is handed in as tensors and out again, so that tracing sees every one of them."""
    from transformers import Cache

    class HandedIn(Cache):
        def __init__(self) -> None:
            self.now: list[Tensor] = []
            self.layers: list[Any] = []

        def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any) -> Any:
            """Past and present of one layer together."""
            keys = torch.cat([past[2 * layer_idx], key_states], dim=2)
            values = torch.cat([past[2 * layer_idx + 1], value_states], dim=2)
            self.now += [keys, values]
            return keys, values

        def get_seq_length(self, layer_idx: int = 0, *_: Any) -> int:
            """Tokens of the past."""
            return int(past[0].shape[2])

    return HandedIn()


class _Step(nn.Module):
    """Tokens, positions, masks and past in; logits of the last token and the new past out."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.layered = getattr(network.config, "layer_types", None) is not None

    def forward(self, ids: Tensor, positions: Tensor, full: Tensor, sliding: Tensor, *past: Tensor) -> Any:
        cache = _handed_in(past)
        mask: Any = {"full_attention": full, "sliding_attention": sliding} if self.layered else full
        body = getattr(self.network, self.network.base_model_prefix)
        output = body(
            input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=cache, use_cache=True
        )
        return (self.network.get_output_embeddings()(output.last_hidden_state[:, -1:]), *cache.now)


def _converted(network: Any, bits: int) -> Any:
    """The OpenVINO model with its past as state, and large matrices in that many bits."""
    ov = import_openvino()
    from openvino._offline_transformations import apply_make_stateful_transformation

    frozen = [weight for weight in network.parameters() if weight.requires_grad]
    network.requires_grad_(False)
    sizes = _past_sizes(network)
    past = [torch.zeros(1, heads, 4, width) for heads, width in sizes]
    mask = torch.zeros(1, 1, 3, 7)
    example = (torch.ones(1, 3, dtype=torch.int64), torch.arange(4, 7)[None], mask, mask.clone(), *past)
    with quiet_transformers():
        model = ov.convert_model(_Step(network), example_input=example)
    for weight in frozen:
        weight.requires_grad_(True)
    pairs = {}
    offset = len(model.inputs) - len(sizes)
    shapes = {}
    for at, (heads, width) in enumerate(sizes):
        given, made = model.inputs[offset + at], model.outputs[1 + at]
        given.get_tensor().set_names({f"past.{at}"})
        made.get_tensor().set_names({f"present.{at}"})
        pairs[f"past.{at}"] = f"present.{at}"
        shapes[f"past.{at}"] = ov.PartialShape([1, heads, -1, width])
    for port in model.inputs[:offset]:
        name = port.get_any_name()
        shapes[name] = ov.PartialShape([1, -1] if name in ("ids", "positions") else [1, 1, -1, -1])
    model.reshape(shapes)
    apply_make_stateful_transformation(model, pairs)
    if bits == 8:
        in_eight_bits(model)
    return model


def _past_sizes(network: Any) -> list[tuple[int, int]]:
    """Heads and width of each layer's keys and values, in order."""
    from transformers import DynamicCache

    cache = DynamicCache(config=network.config)
    with torch.inference_mode():
        device = network.get_input_embeddings().weight.device
        network(torch.zeros(1, 2, dtype=torch.int64, device=device), past_key_values=cache, use_cache=True)
    layers: Any = cache.layers
    kept = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
    return [(int(tensor.shape[1]), int(tensor.shape[3])) for tensor in kept]


def in_eight_bits(model: Any) -> int:
    """Put the large matrices of an OpenVINO model into eight bits; gives how many.

    Symmetric, one scale for each row of the output, as NNCF's INT8_SYM; CPU kernels multiply such weights
    without unpacking them to memory.
    """
    from openvino import opset13 as ops

    changed: dict[str, Any] = {}
    count = 0
    for node in list(model.get_ordered_ops()):
        if node.get_type_name() not in ("MatMul", "Gather"):
            continue
        port = 1 if node.get_type_name() == "MatMul" else 0
        source = node.input_value(port).get_node()
        if source.get_type_name() != "Constant" or len(source.shape) != 2 or source.data.size < MIN_WEIGHTS:
            continue
        if source.get_friendly_name() not in changed:
            axis = 1 if port == 0 or node.get_attributes()["transpose_b"] else 0
            weights = np.asarray(source.data, np.float32)
            scale = np.maximum(np.abs(weights).max(axis=axis, keepdims=True), 1e-8) / 127
            packed = ops.constant(np.round(weights / scale).astype(np.int8))
            plain = ops.convert(packed, "f32")
            changed[source.get_friendly_name()] = ops.multiply(plain, ops.constant(scale.astype(np.float32)))
            count += 1
        node.input(port).replace_source_output(changed[source.get_friendly_name()].output(0))
    return count
