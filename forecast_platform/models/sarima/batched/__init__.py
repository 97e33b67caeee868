"""The engine of `sarima` on tensors: all series of a batch take every step together.

The same likelihood, the same search and the same forecasts as the compiled kernels, laid out for a
GPU; it needs torch and numpy alone. The modules mirror those of `sarima` and say only what differs
from them. Shapes: M rows, one for each trial of a series; c columns, a series and its regressors;
n days; K coefficients; m components of the state.
"""
