"""Checkpoints without pickle: tensors and a JSON state in one safetensors file, replaced atomically.

Names in the file: "net.<parameter>", "optimiser.<which>.<index>.<key>"; the metadata key "state" is the JSON.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

CHECKPOINT_FILE = "checkpoint.safetensors"


def _write(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(flat, partial, metadata={"state": json.dumps(state, sort_keys=True)})
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        state = json.loads((file.metadata() or {}).get("state", "{}"))
        return {name: file.get_tensor(name) for name in file.keys()}, state


def _net_tensors(net: nn.Module) -> dict[str, Tensor]:
    return {f"net.{name}": tensor for name, tensor in net.state_dict().items()}


def save(path: Path, net: nn.Module, optimisers: Sequence[Optimizer], state: dict[str, Any]) -> None:
    """Write weights, optimiser moments and the JSON state, whole or not at all."""
    tensors = _net_tensors(net)
    for which, optimiser in enumerate(optimisers):
        for i, slot in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{which}.{i}.{key}": torch.as_tensor(value) for key, value in slot.items()}
    _write(path, tensors, state)


def load(path: Path, net: nn.Module, optimisers: Sequence[Optimizer] = ()) -> dict[str, Any]:
    """Restore weights, and the moments of the optimisers that the file has; return the JSON state."""
    tensors, state = _read(path)
    own = net.state_dict()
    net.load_state_dict({name: tensors[f"net.{name}"].to(own[name].dtype) for name in own})
    for which, optimiser in enumerate(optimisers):
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimiser.{which}."):
                index, key = name.split(".")[2:]
                slots.setdefault(int(index), {})[key] = tensor
        if slots:
            optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
    return state


def save_resume(path: Path, net: nn.Module, state: dict[str, Any]) -> None:
    """Write the weights alone in bfloat16, integers as they are: small to ship, good to train on from."""
    tensors = _net_tensors(net).items()
    _write(path, {name: t.bfloat16() if t.is_floating_point() else t for name, t in tensors}, state)
