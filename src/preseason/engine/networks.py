"""Running a frozen pass fast: OpenVINO on a CPU, torch with autocast on CUDA."""

import copy
import os
import sys
import uuid
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.engine.forks import compute_here, refuse_fork
from preseason.errors import DeviceMemoryError, UsageError
from preseason.runtime.launcher import own_graphics_processor
from preseason.runtime.threads import available, limit_torch

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE, TOLERANCE_BF16 = 2e-3, 1.5e-2
"""Largest difference from torch, relative to the largest value, that a converted network may show."""

DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia", "/dev/dxg", "/dev/kfd")
"""Of graphics processors, as Linux shows them: NVIDIA's, Windows's within WSL, AMD's."""


class Engine(Protocol):
    """A compiled frozen network.

    Attributes:
        precision: part of the feature bank's keys; equal precisions give interchangeable rows.
    """

    precision: str

    def start(self, batch: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Begin to run a batch [n, ...]; the function given back waits for its rows float32 [n, ...].

        Several maps come one after the other, [n, *].
        """


def device_for(wish: str) -> str:
    """`cpu` or `cuda` for the setting `auto`, `cpu` or `cuda`; workers of one machine have one each.

    Raises:
        UsageError: CUDA is asked for and torch sees none.
    """
    if wish != "cuda" and (wish == "cpu" or not _may_have_graphics()):
        return "cpu"
    import torch

    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        own = own_graphics_processor(torch.cuda.device_count())
        if own is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = own
    if wish == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device cuda: torch sees no CUDA device here. Use --device cpu or auto.", code="PS-U04"
        )
    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_graphics() -> bool:
    """Whether a driver for torch's CUDA lies here; where none does, torch need not be loaded to say so."""
    if sys.platform == "darwin":
        return False
    return sys.platform == "win32" or any(map(os.path.exists, DRIVERS))


def precision_on(device: str, halves: bool = False) -> str:
    """How rows are computed on `device`: autocast on CUDA; on a CPU f32, with `halves` bf16 where it has it.

    Encoders of texts are nearly all matrix products: native bf16 halves their time and changes rows by
    a quarter of a percent. Where bf16 is emulated it is no faster.
    """
    if device != "cpu":
        return "autocast"
    return "bf16" if halves and has_bf16() else "f32"


@cache
def has_bf16() -> bool:
    """Whether this processor multiplies bf16 by itself."""
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text("utf-8", "replace").split()
        return "avx512_bf16" in flags or "amx_bf16" in flags
    import torch

    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def compile_network(
    module: "nn.Module",
    example: NDArray[Any],
    key: str,
    cache: Path,
    device: str,
    say: Callable[[str], None],
    others: Sequence[NDArray[Any]] = (),
    precision: str = "f32",
) -> Engine:
    """The fastest engine for `module` on `device`; converted networks are kept under `cache`.

    Args:
        module: maps a batch like `example` to one float tensor, or to several that are kept one after the
            other; used in eval mode.
        example: a small batch of the real shape and dtype.
        key: names the converted network: it must change with the weights and the graph.
        say: gets a line when torch has to stand in for OpenVINO.
        others: further batches to compare with torch; sizes in which they differ stay free.
        precision: wished for on a CPU; f32 takes its place where the answers would differ too much.
    """
    module = module.eval().requires_grad_(False)
    if device == "cuda":
        return TorchEngine(module, device)
    if precision != "f32":
        with suppress(_Inconvertible):
            return converted(module, example, f"{key}-{precision}", cache, others, precision)
    try:
        return converted(module, example, key, cache, others)
    except _Inconvertible as error:
        say(f"OpenVINO cannot run this network ({error}); using PyTorch instead, which is slower.")
        return TorchEngine(module, device)


def kept_network(key: str, cache: Path, device: str, precision: str = "f32") -> Any | None:
    """What `compile_network` converted earlier, for an `OpenVinoEngine`; None where nothing is kept."""
    name = key if precision == "f32" else f"{key}-{precision}"
    return None if device == "cuda" else read_kept(core_of_process(), _path(name, cache))


def output_shape(model: Any) -> tuple[int, ...]:
    """What a converted network gives for one of a batch; 0 where a size differs between batches."""
    if len(model.outputs) > 1:
        return (0,)
    sizes = list(model.output(0).partial_shape)[1:]
    return tuple(size.get_length() if size.is_static else 0 for size in sizes)


class TorchEngine:
    """Eager torch: autocast and channels last on CUDA, plain f32 on a CPU."""

    def __init__(self, module: "nn.Module", device: str) -> None:
        compute_here()
        limit_torch()
        self.precision = precision_on(device)
        self._device = device
        self._turn = Lock()
        self._module = module
        if device == "cuda":
            # A copy: the network that was handed in is also read by heads and by the saved model.
            self._module = copy.deepcopy(module).to(device)
            put_channels_last(self._module)

    def start(self, batch: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Queue the batch on the device; one that does not fit into its memory is run in halves."""
        import torch

        refuse_fork()
        tensor = torch.from_numpy(batch).to(self._device, non_blocking=True)
        cuda = self._device == "cuda"
        # One batch at a time has all processors.
        with self._turn, torch.inference_mode(), torch.autocast(self._device, enabled=cuda):
            out = in_halves(lambda part: _as_one(self._module(part)), tensor)
        return lambda: out.float().cpu().numpy()


def _as_one(out: "Tensor | tuple[Tensor, ...]") -> "Tensor":
    """What a network gives as one tensor; several maps one after the other, [n, *]."""
    import torch

    return torch.cat([each.flatten(1) for each in out], 1) if isinstance(out, tuple) else out


def in_halves(run: "Callable[[Tensor], Tensor]", batch: "Tensor") -> "Tensor":
    """`run` of a batch; where the memory of the graphics processor is too small, of its halves.

    Raises:
        DeviceMemoryError: a single example does not fit.
    """
    import torch

    try:
        return run(batch)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise DeviceMemoryError from error
    # Outside of the handler, whose traceback holds on to what has filled the memory.
    torch.cuda.empty_cache()
    return torch.cat([in_halves(run, half) for half in batch.tensor_split(2)])


def put_channels_last(module: "nn.Module") -> None:
    """Lay out weights in the order that convolutions in half precision run fastest in.

    A network of clips has some of pictures and some of clips.
    """
    import torch

    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    for each in (*module.parameters(), *module.buffers()):
        if each.ndim in orders:
            each.data = each.data.contiguous(memory_format=orders[each.ndim])


def converted(
    module: "nn.Module",
    example: NDArray[Any],
    key: str,
    cache: Path,
    others: Sequence[NDArray[Any]] = (),
    precision: str = "f32",
) -> "OpenVinoEngine":
    """The network in OpenVINO: converted once and compared with torch, then read from the cache."""
    ov, path = import_openvino(), _path(key, cache)
    known = read_kept(core_of_process(), path)
    model = _convert(ov, module, example, others) if known is None else known
    engine = OpenVinoEngine(model, precision)
    if known is None:
        for batch in (example, *others):
            _compare(engine, module, batch)
        # A cache that cannot be written costs the conversion at every start, nothing else.
        with suppress(OSError, RuntimeError):
            keep(ov, model, path)
    return engine


def _path(key: str, cache: Path) -> Path:
    return cache / "networks" / f"{key}-ov{version('openvino')}.xml"


class OpenVinoEngine:
    """A converted network, compiled for the processor."""

    def __init__(self, model: Any, precision: str = "f32") -> None:
        self.precision = precision
        self._compiled = core_of_process().compile_model(model, "CPU", _settings(precision))
        self._outputs = len(model.outputs)
        # Making a request costs as much as a small batch, so those that are done are used again.
        self._idle: list[Any] = []

    def start(self, batch: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Run the batch on OpenVINO's own threads."""
        refuse_fork()
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        request.start_async([batch], share_inputs=True)
        outputs = self._outputs

        def wait() -> NDArray[np.float32]:
            request.wait()
            parts = [request.get_output_tensor(place).data for place in range(outputs)]
            several = outputs > 1
            found = np.concatenate([p.reshape(len(p), -1) for p in parts], 1) if several else parts[0]
            found = np.array(found, np.float32, copy=None if several else True)
            self._idle.append(request)
            return found

        return wait


class GraphEngine:
    """A graph of several inputs and outputs, compiled for the processor, for one example at a time."""

    def __init__(self, model: Any, precision: str = "f32") -> None:
        self._compiled = core_of_process().compile_model(model, "CPU", _settings(precision))
        self._idle: list[Any] = []
        self._outputs = len(model.outputs)

    def begin(self, inputs: Sequence[NDArray[Any]]) -> Callable[[], tuple[NDArray[np.float32], ...]]:
        """Run inputs [1, ...]; the function given back waits for each output float32 [...]."""
        refuse_fork()
        request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        request.start_async(list(inputs), share_inputs=True)

        def wait() -> tuple[NDArray[np.float32], ...]:
            request.wait()
            places = range(self._outputs)
            found = tuple(np.array(request.get_output_tensor(k).data[0], np.float32) for k in places)
            self._idle.append(request)
            return found

        return wait


def _compare(engine: OpenVinoEngine, module: "nn.Module", example: NDArray[Any]) -> None:
    import torch

    limit_torch()
    with torch.inference_mode():
        expected = _as_one(module(torch.from_numpy(example))).numpy()
    difference = float(np.abs(engine.start(example)() - expected).max() / max(np.abs(expected).max(), 1e-6))
    if not difference <= (TOLERANCE_BF16 if engine.precision == "bf16" else TOLERANCE):
        raise _Inconvertible(f"its answers differ by {difference:.1e}")


class _Inconvertible(Exception):  # noqa: N818
    """OpenVINO cannot convert the network faithfully."""


def import_openvino() -> Any:
    """The openvino module, without the telemetry package that would call home when it is imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def core_of_process() -> Any:
    """OpenVINO's core, one for as long as the process lives.

    Raises:
        ForkedError: the core is that of a process which this one was forked from.
    """
    compute_here()
    return _core()


@cache
def _core() -> Any:
    """The one core.

    Its CPU plug-in gives the thread that makes it a stack for signals, and takes that away with itself: after
    the last core of a long-lived process was freed by another thread, the next SIGTERM was a crash.
    """
    return import_openvino().Core()


def _settings(precision: str) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": precision,
        # One stream a thread with small batches ran 15 % faster here than all threads on one batch.
        "NUM_STREAMS": available(),
        "INFERENCE_NUM_THREADS": available(),
        "ENABLE_CPU_PINNING": False,
    }


def _convert(ov: Any, module: "nn.Module", example: NDArray[Any], others: Sequence[NDArray[Any]]) -> Any:
    import warnings

    import torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            # What torch would check of the trace is left out: the answers are compared, which tells more.
            traced = TorchScriptPythonDecoder(
                module, example_input=torch.from_numpy(example), trace_kwargs={"check_trace": False}
            )
            converted = ov.convert_model(traced, example_input=torch.from_numpy(example))
        sizes = zip(*(batch.shape[1:] for batch in (example, *others)), strict=True)
        converted.reshape([-1, *(same[0] if len(set(same)) == 1 else -1 for same in sizes)])
    except Exception as error:
        raise _Inconvertible((str(error).splitlines() or ["?"])[0][:120]) from error
    return converted


def keep(ov: Any, model: Any, path: Path) -> None:
    """Write the converted network and then, which makes it valid, its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{uuid.uuid4().hex}.xml")
    try:
        ov.save_model(model, temporary, compress_to_fp16=False)
        checksum = _checksum(temporary)
        path.with_suffix(".sum").unlink(missing_ok=True)
        temporary.with_suffix(".bin").replace(path.with_suffix(".bin"))
        temporary.replace(path)
        temporary.with_suffix(".sum").write_text(checksum, "ascii")
        temporary.with_suffix(".sum").replace(path.with_suffix(".sum"))
    finally:
        for left in path.parent.glob(f"{temporary.stem}.*"):
            left.unlink(missing_ok=True)


def read_kept(core: Any, path: Path) -> Any | None:
    """The converted network kept at `path`, None where there is none or it is damaged."""
    try:
        intact = path.with_suffix(".sum").read_text("ascii") == _checksum(path)
        return core.read_model(path) if intact else None
    except (OSError, ValueError, RuntimeError):
        return None


def _checksum(path: Path) -> str:
    """CRC-32 of graph and weights; damaged weights would give wrong features without a word."""
    found = 0
    for part in (path, path.with_suffix(".bin")):
        with part.open("rb") as file:
            while piece := file.read(2**20):
                found = zlib.crc32(piece, found)
    return f"{found:08x}"
