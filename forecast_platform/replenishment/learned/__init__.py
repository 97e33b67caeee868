"""Learned replenishment policies: Q-learning and DQN on lost-sales systems with a lead time.

Import from the modules: `dynamics` (one period of many systems, rewards), `environment` (the same
for agents that speak gymnasium), `q_learning`, `dqn`, `guard` (what a learned policy must beat),
and for a shop `problems`, `study`, `table`, `pictures` and `checkpoint`. The package itself loads
nothing.
"""
