"""Everything Dagster sees; the only room that imports Dagster, and one without arithmetic."""

import atexit
import gc

# While libraries load and runs go, millions of objects come to stay. To look for garbage after
# every 700 of them, Python's default, takes a fifth of a daily run's processor time.
gc.set_threshold(50_000, 10, 10)
# A process that ends gives its memory back anyway: to look through all of it for garbage first took
# more than a second.
atexit.register(gc.freeze)
