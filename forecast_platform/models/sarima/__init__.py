"""Seasonal ARIMA with regressors: exact maximum likelihood over many series, compiled.

`order` names a model, `polynomials` its parameters, `likelihood` and `kalman` its exact Gaussian
likelihood without and with gaps, `estimate` maximises it, `filtering` forecasts with fixed
parameters, `select` chooses orders and `diagnostics` judges residuals. Every kernel handles one
series after the other and shares nothing between them, so a series' result does not depend on the
batch, and kernels release the interpreter lock, so batches may be split over threads. `batched` is
the same engine on tensors, for a GPU.
"""
