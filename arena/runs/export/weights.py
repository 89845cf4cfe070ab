"""Weights alone: `pt` for `torch.load(…, weights_only=True)`, and `safetensors`, which other languages read too."""

import io
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from arena.runs.export.writing import Format


def _pt(player: nn.Module, example: Callable[[], tuple[Any, ...]], facts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    torch.save(_state(player), made)
    return made.getvalue()


def _safetensors(player: nn.Module, example: Callable[[], tuple[Any, ...]], facts: dict[str, str]) -> bytes:
    from safetensors.torch import save

    return bytes(save(_state(player), metadata={**facts, "format": "pt"}))


def _state(player: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format) for name, tensor in player.state_dict().items()}


_OF = "  # of the module below"

pt = Format(".pt", _pt, 'import torch\n\nplayer.load_state_dict(torch.load("{file}", weights_only=True))' + _OF)
safetensors = Format(
    ".safetensors", _safetensors, 'from safetensors.torch import load_file\n\nplayer.load_state_dict(load_file("{file}"))' + _OF
)
