"""Order quantities for all lines at once under limits that they share.

Import from the modules: `problem` (lines, limits and their checks), `value` (expected cost and its
compiled inner problem), `lagrangian` (all lines, with a proven gap), `milp` (small cases and
bounds) and `genetic` (rules that do not separate). The package itself loads nothing.
"""
