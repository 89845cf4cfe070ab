"""Weights with the code: a program of `torch.export`, and ONNX, which is run and compared before it is written.

Both take any number of examples.
"""

import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arena.errors import ArenaError, cause
from arena.runs.export.writing import Format

TOLERANCE = 1e-4
"""Largest relative difference between the outputs of a player and of its ONNX form, in float32."""


def _exported(player: nn.Module, example: Callable[[], tuple[Any, ...]], facts: dict[str, str]) -> bytes:
    program, made = _program(player, example()), io.BytesIO()
    torch.export.save(program, made)
    return made.getvalue()


def _onnx(player: nn.Module, example: Callable[[], tuple[Any, ...]], facts: dict[str, str]) -> bytes:
    import onnxruntime

    given = example()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # about torch's own future
        file = Path(folder) / "player.onnx"
        try:
            torch.onnx.export(
                player, given, file, dynamo=True, dynamic_shapes=_shapes(given), external_data=False, verbose=False, report=False
            )
        except Exception as error:
            raise ArenaError(
                f"the {facts['role']} cannot be written as ONNX ({cause(error)}). Fix: --to exported, or --to safetensors"
            ) from error
        data = file.read_bytes()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = player(*given)
    found = session.run(None, {place.name: value.cpu().numpy() for place, value in zip(session.get_inputs(), given, strict=True)})[0]
    gap = float((torch.as_tensor(found) - wanted.cpu()).abs().max() / wanted.abs().max().clamp(min=1e-12))
    if gap > TOLERANCE:
        raise ArenaError(
            f"the {facts['role']} as ONNX gives other numbers in onnxruntime than in torch, by {gap:.1e} of the largest. Fix: --to exported"
        )
    return data


def _program(player: nn.Module, given: tuple[Any, ...]) -> torch.export.ExportedProgram:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(player, given, dynamic_shapes=_shapes(given))
    except Exception as error:
        raise ArenaError(f"the player cannot be traced by torch.export ({cause(error)}). Fix: --to safetensors") from error


def _shapes(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return that the first axis of every tensor is free."""
    return tuple({0: torch.export.Dim.AUTO} if isinstance(value, Tensor) and value.dim() else None for value in given)


exported = Format(".pt2", _exported, 'import torch\n\nplayer = torch.export.load("{file}").module()  # player(*inputs)')
onnx = Format(
    ".onnx",
    _onnx,
    'import onnxruntime\n\nsession = onnxruntime.InferenceSession("{file}")\nsession.run(None, {{session.get_inputs()[0].name: inputs}})',
)
