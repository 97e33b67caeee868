"""When an asset is made by its own condition.

Tables of the incremental graph have none: a sensor makes them by fingerprints, which see late days,
failures and unchanged results (docs/decisions).
"""

from __future__ import annotations

from dagster import AutomationCondition as Condition

AFTER_RECORDS = (
    # Not `eager()`: it waits for every partition upstream, and most origins are never issued.
    Condition.any_deps_updated().since(Condition.newly_requested() | Condition.initial_evaluation())
    & ~Condition.any_deps_in_progress()
    & ~Condition.in_progress()
).with_label("after forecasts or plans were issued")
