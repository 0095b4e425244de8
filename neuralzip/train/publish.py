"""Ship a trained model: integer weights, card, settings and a resume checkpoint in models/<id>."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neuralzip import zoo
from neuralzip.train import checkpoints
from neuralzip.train.loop import CURVE_FILE, DECAYED_FILE, Progress, Task

CARD_FILE = "card.md"
SETTINGS_FILE = "train.toml"
RESUME_FILE = "resume.safetensors"
CURVE_POINTS = 24


def trained(task: Task, run: Path) -> tuple[torch.nn.Module, Progress]:
    """Return the run's best weights, decayed ones where there are any newer than the checkpoint, in eval mode."""
    paths = [path for path in (run / DECAYED_FILE, run / checkpoints.CHECKPOINT_FILE) if path.exists()]
    newest = max(paths, key=lambda path: path.stat().st_mtime)
    net = task.build()
    progress = Progress(**checkpoints.load(newest, net))
    return net.eval(), progress


def take_mean(task: Task, net: torch.nn.Module, progress: Progress, path: Path) -> None:
    """Set weights to their mean with those of a checkpoint that the run went on from; measure and record that.

    A net that was trained on for a new purpose by little keeps what it knew before, and gains, in the mean of both
    (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    before = task.build()
    symbols = Progress(**checkpoints.load(path, before)).symbols
    with torch.no_grad():
        for mine, theirs in zip(net.parameters(), before.parameters(), strict=True):
            mine.lerp_(theirs, 0.5)
        progress.dev_bits = task.evaluate(net, torch.device("cpu"))
    progress.calls.append(f"mean with the weights after {symbols:,} {task.unit}s")


def curve_table(path: Path, unit: str) -> str:
    """Return the development curve as a Markdown table of at most CURVE_POINTS rows."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    stride = max(1, -(-len(rows) // CURVE_POINTS))
    kept = rows[::-1][::stride][::-1]
    lines = [f"| {unit}s seen | minutes | train | development |", "|---|---|---|---|"]
    lines += [f"| {int(r['symbols']):,} | {r['minutes']} | {r['train']} | {r['dev']} |" for r in kept]
    return "\n".join(lines)


def card_text(task: Task, progress: Progress, size_bytes: int, curve: str) -> str:
    """Return the whole model card."""
    calls = "\n".join([":\n", *(f"- {call}" for call in progress.calls)]) if progress.calls else "."
    parts = "\n".join(f"| {name} | {bits:.3f} |" for name, bits in sorted(progress.dev_bits.items()))
    return (
        f"# {task.id}\n\n{task.card().strip()}\n\n"
        f"Weights: {size_bytes:,} bytes. Trained on {progress.symbols:,} {task.unit}s "
        f"in {progress.steps:,} steps, {progress.seconds / 3600:.1f} hours{calls}\n\n"
        f"## Development figures\n\nBits a {task.unit} under the float net, alone where nothing else is said.\n\n"
        f"| part | bits |\n|---|---|\n{parts}\n\n"
        f"## Curve\n\nBits a {task.unit}, mean of the parts as they were measured then.\n\n{curve}\n"
    )


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return flat settings as TOML; mappings become tables."""
    flat = [f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, Mapping)]
    tables = [
        f"\n[{key}]\n" + "\n".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items())
        for key, value in settings.items()
        if isinstance(value, Mapping)
    ]
    return "\n".join([*flat, *tables]) + "\n"


def publish(task: Task, run: Path, models: Path, mean: Path | None = None) -> Path:
    """Export a run to models/<task.id> and return the folder; `mean`: weights to take the mean with before."""
    net, progress = trained(task, run)
    if mean is not None:
        take_mean(task, net, progress, mean)
    folder = models / task.id
    arrays, meta = task.export(net)
    weights = zoo.save(folder, arrays, meta)
    curve = curve_table(run / CURVE_FILE, task.unit) if (run / CURVE_FILE).exists() else ""
    card = card_text(task, progress, weights.stat().st_size, curve)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    (folder / SETTINGS_FILE).write_text(
        settings_text({**task.settings, "calls": progress.calls}), encoding="utf-8"
    )
    checkpoints.save_resume(folder / RESUME_FILE, net, progress.state())
    return folder
