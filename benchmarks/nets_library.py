"""The library side of `benchmarks.nets`, run by the interpreter that has neuralforecast.

    python benchmarks/nets_library.py PANEL.npz STEPS BATCH HIDDEN

Trains neuralforecast's LSTM on the panel's windows and prints what it took as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss
from neuralforecast.models import LSTM
from pytorch_lightning.callbacks import Callback

CONTEXT, HORIZON = 56, 28
PAST = ["known", "available"]
SERIES = 4
"""Series per step: the library copies all their windows, so that few of them suit it best."""
WARM_UP = 5
"""Steps before the clock starts."""


class Clock(Callback):
    """Seconds from the end of the warm-up to the end: processor time, on a GPU wall time."""

    def __init__(self) -> None:
        self.started = self.seconds = 0.0

    def on_train_batch_end(self, trainer: object, module: object, *_: object) -> None:
        """Note the time."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter() if torch.cuda.is_available() else time.process_time()
        if trainer.global_step == WARM_UP:
            self.started = now
        self.seconds = now - self.started


def frame(file: str) -> tuple[pd.DataFrame, list[str]]:
    """The panel as the library takes it: a row per series and known day."""
    with np.load(file) as held:
        demand, calendar = held["demand"], held["calendar"]
    series, day = np.nonzero(~np.isnan(demand))
    ahead = {f"calendar{at}": calendar[day, at] for at in range(calendar.shape[1])}
    rows = {
        "unique_id": np.char.zfill(series.astype(str), 5),
        "ds": pd.Timestamp("2011-01-29") + pd.to_timedelta(day, unit="D"),
        "y": demand[series, day],
        **dict.fromkeys(PAST, 1.0),
        **ahead,
    }
    return pd.DataFrame(rows), list(ahead)


def main(file: str, steps: int, batch: int, hidden: int) -> None:
    """Train and print."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    known, ahead = frame(file)
    model = LSTM(
        h=HORIZON, input_size=CONTEXT, encoder_n_layers=1, encoder_hidden_size=hidden,
        decoder_hidden_size=hidden, decoder_layers=2, hist_exog_list=PAST, futr_exog_list=ahead,
        loss=DistributionLoss("NegativeBinomial"), scaler_type="standard",
        batch_size=SERIES, windows_batch_size=batch, max_steps=steps, callbacks=[Clock()],
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    library = NeuralForecast([model], freq="D")
    library.fit(known)
    trained = library.models[0]
    clock = trained.trainer_kwargs["callbacks"][0]  # the library trains a copy
    weights = sum(weight.numel() for weight in trained.parameters())
    speed = (steps - WARM_UP) * batch / clock.seconds
    print(json.dumps({"windows_per_second": speed, "parameters": weights}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
