"""Replay of past demand under chosen policies, with what was known on each review day.

Import from the modules: `case` (demand, terms and costs; the replay of one policy), `policies`
(levels from forecasts and from history), `foresight` (the bound), `compare` (cost against service)
and `pictures`. The package itself loads nothing.
"""
