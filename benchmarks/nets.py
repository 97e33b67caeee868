"""Networks on M5: training speed against neuralforecast, and what compression costs and gains.

    python -m benchmarks.nets M5_FOLDER [--libraries PYTHON] [--steps 30] [--origins 8]

Both sides train an LSTM of one layer on the same 730 days: 56 days in, 28 out, demand and calendar,
negative binomial likelihood, no dropout, one thread. The share of the device's limit compares with
its own speed at large bfloat16 matrix products and at copying memory, measured in the same run. On
a CPU seconds are processor time, on a GPU wall time; there larger batches are measured too.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.m5_panel import HORIZON, M5, Floats, read
from forecast_platform.forecasting.metrics import pinball
from forecast_platform.models.net_answers import answer
from forecast_platform.models.net_data import CONTEXT, Inputs, Schema, calendar
from forecast_platform.models.net_training import Plan, device
from forecast_platform.models.nets import Lstm
from forecast_platform.models.networks import Architecture
from forecast_platform.panel import Panel

_LIBRARY = Path(__file__).with_name("nets_library.py")
_DAYS, _TRAINING_DAYS = 730, 912
_GPU_BATCHES = (4096, 16384)
_DYNAMIC = "torch's own dynamic int8"


def main(words: list[str] | None = None) -> None:
    chosen = _arguments().parse_args(words)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    m5 = read(chosen.folder)
    if chosen.steps:
        for line in speed(m5.panel.last(_DAYS), chosen):
            print(line, flush=True)
    if chosen.origins:
        for line in compression(m5, chosen.origins):
            print(line, flush=True)


def speed(panel: Panel, chosen: argparse.Namespace) -> Iterator[str]:
    """Windows trained on per second."""
    panel = replace(panel, past={}, future={}, static={})
    architecture = Architecture(hidden=chosen.hidden, dropout=0.0)
    batches = [chosen.batch, *(_GPU_BATCHES if device().type == "cuda" else ())]
    library = _library(panel, chosen)
    limit, why = _limit(architecture, Schema.of(panel))
    yield f"limit of the device: {limit:,.0f} windows/s, by {why}"
    for batch in batches:
        for reduced in (True, False):
            found, weights = _ours(panel, architecture, chosen.steps, batch, reduced)
            kind = "bfloat16" if reduced else "float32"
            ratio = f"   {found / library:.2f} x neuralforecast" if library else ""
            yield (
                f"ours, {kind:8} batch {batch:5}: {found:10,.0f} windows/s, "
                f"{weights:,} weights, {found / limit:.1%} of the limit{ratio}"
            )


def _ours(
    panel: Panel, architecture: Architecture, steps: int, batch: int, reduced: bool
) -> tuple[float, int]:
    """Windows per second after a first epoch, validation included, and the number of weights."""
    times: list[float] = []
    plan = Plan(epochs=3, batch=batch, fewest_batches=steps, most_batches=steps, bfloat16=reduced)
    model = Lstm(architecture, plan)
    model.fit(panel, seed=1, progress=lambda epoch, loss: times.append(_now()))
    weights = sum(weight.numel() for weight in model._networks[0].parameters())
    return (len(times) - 1) * steps * batch / (times[-1] - times[0]), weights


def _library(panel: Panel, chosen: argparse.Namespace) -> float:
    """Windows per second of neuralforecast; 0, with a sentence, where it cannot be measured."""
    if not chosen.libraries:
        print("neuralforecast is left out: name its interpreter with --libraries")
        return 0.0
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "panel.npz"
        np.savez(file, demand=panel.demand, calendar=calendar(panel.first_day, panel.n_days))
        command = [chosen.libraries, str(_LIBRARY), str(file)]
        sizes = [chosen.steps, chosen.batch, chosen.hidden]
        done = subprocess.run(
            [*command, *map(str, sizes)], capture_output=True, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        print(f"neuralforecast is left out: {chosen.libraries} says {last[0]}")
        return 0.0
    told = json.loads(done.stdout.strip().splitlines()[-1])
    found, weights = float(told["windows_per_second"]), told["parameters"]
    print(f"neuralforecast, batch {chosen.batch}: {found:,.0f} windows/s, {weights:,} weights")
    return found


def _limit(architecture: Architecture, schema: Schema) -> tuple[float, str]:
    """Windows per second that the device could train on at most, and what limits it.

    Arithmetic: a multiplication and an addition per weight and day, once forwards and twice
    backwards. Memory: each value of a layer written, read, and the same for its gradient, at two
    bytes.
    """
    hidden, past, ahead = architecture.hidden, schema.past_width, schema.ahead_width
    products = CONTEXT * (past + hidden) * 4 * hidden
    products += HORIZON * hidden * (ahead + hidden + architecture.outputs)
    values = CONTEXT * (past + 6 * hidden) + HORIZON * (ahead + 3 * hidden + architecture.outputs)
    rates = {
        "arithmetic": _arithmetic() / (3 * 2 * products),
        "memory": _bandwidth() / (4 * 2 * values),
    }
    why = min(rates, key=lambda name: rates[name])
    return rates[why], why


def _arithmetic() -> float:
    """Operations per second of a large bfloat16 matrix product."""
    size = 8192 if device().type == "cuda" else 1024
    left, right = (torch.ones(size, size, dtype=torch.bfloat16, device=device()) for _ in "ab")
    return float(2 * size**3 / _seconds(lambda: left @ right))


def _bandwidth() -> float:
    """Bytes per second of copying memory, read and written."""
    source = torch.ones(2**28 if device().type == "cuda" else 2**25, device=device())
    target = torch.empty_like(source)
    return 8 * source.numel() / _seconds(lambda: target.copy_(source))


def compression(m5: M5, count: int) -> Iterator[str]:
    """Size, speed and accuracy of compressed networks beside the plain one."""
    origins = m5.origins(count)
    known = m5.panel.until(m5.panel.days[origins[0]].item()).last(_TRAINING_DAYS)
    plain = Lstm()
    plain.fit(known, seed=1)
    models = {
        "plain": plain,
        "8 bits": plain.compressed(1.0),
        "half the units, 8 bits, as cut": plain.compressed(0.5),
        "half the units, 8 bits, trained on": plain.compressed(0.5, known, seed=1),
        _DYNAMIC: _dynamic(plain),
    }
    yield f"{'':36}{'kB':>6}{'ms/1,000':>10}{'WRMSSE':>18}{'pinball':>18}"
    first: tuple[float, float] | None = None
    for name, model in models.items():
        scores = _scores(model, m5, origins)
        first = first or scores
        size = "-" if name == _DYNAMIC else f"{_kilobytes(model):.0f}"
        cells = [f"{s:.4f} ({s / f - 1:+.2%})" for s, f in zip(scores, first, strict=True)]
        ms = _ms(model, known)
        yield f"{name:36}{size:>6}{ms:>10.1f}{cells[0]:>18}{cells[1]:>18}"


def _dynamic(model: Lstm) -> Lstm:
    """The model with torch's dynamic quantisation, for comparison; it cannot be saved plainly."""
    from torch.ao.quantization import quantize_dynamic

    other = copy.deepcopy(model)
    other._networks = [quantize_dynamic(one, {nn.LSTM, nn.Linear}) for one in other._networks]
    return other


def _scores(model: Lstm, m5: M5, origins: list[int]) -> tuple[float, float]:
    """Mean over origins of WRMSSE and pinball loss."""
    wrmsse, loss = [], []
    for at in origins:
        forecast = model.predict(m5.panel.until(m5.panel.days[at].item()).last(_TRAINING_DAYS))
        actual: Floats = m5.panel.demand[:, at + 1 : at + 1 + HORIZON]
        wrmsse.append(m5.wrmsse(at, forecast.mean[0]))
        loss.append(pinball(actual, forecast.quantiles[0], forecast.levels))
    return float(np.mean(wrmsse)), float(np.mean(loss))


def _kilobytes(model: Lstm) -> float:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        return sum(file.stat().st_size for file in Path(folder).glob("weights*.pt")) / 1000


def _ms(model: Lstm, known: Panel) -> float:
    """Milliseconds per 1,000 series to gather the windows and answer them."""
    inputs = Inputs(known, Schema.of(known), HORIZON, device())
    series, column = np.arange(known.n_series), np.full(known.n_series, known.n_days - 1)
    seconds = _seconds(lambda: answer(model._networks, inputs, series, column))
    return 1e6 * seconds / known.n_series


def _now() -> float:
    if device().type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least of several runs after a first one."""
    work()
    least = float("inf")
    for _ in range(repeats):
        started = _now()
        work()
        least = min(least, _now() - started)
    return least


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("folder", type=Path, help="Kaggle's files of one store and department")
    add("--libraries", default="", help="interpreter of an environment with neuralforecast")
    add("--steps", type=int, default=30, help="training steps measured; 0 for none")
    add("--batch", type=int, default=256, help="windows per step")
    add("--hidden", type=int, default=128, help="hidden units")
    add("--origins", type=int, default=8, help="rolling origins of the compression; 0 for none")
    return parser


if __name__ == "__main__":
    main()
