"""Everything Dagster sees; the only room that imports Dagster, and one without arithmetic."""

import gc

# While libraries load and runs go, millions of objects come to stay. To look for garbage after
# every 700 of them, Python's default, takes a fifth of a daily run's processor time.
gc.set_threshold(50_000, 10, 10)
