"""Simulation of replenishment policies: every SKU, day by day, over many paths of demand.

Import from the modules: `simulate` (policies, supply terms and the simulation), `demand` (demand
and lead times drawn beforehand), `results` (costs, service and their standard errors), `kernels`
and `draws` (compiled loops). The package itself loads nothing, so that numba is compiled only
where something is simulated.
"""
