"""From tables of the incremental graph to the assets that one run has to make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

_TRAINED = "model_versions"


def assets_of(tables: Sequence[str], graph: BaseAssetGraph[Any]) -> list[str]:
    """Assets of the tables, with those that the same step makes; for models, all families."""
    wanted = {dg.AssetKey(table) for table in tables}
    if _TRAINED in tables:
        wanted |= {key for key in graph.get(dg.AssetKey(_TRAINED)).parent_keys
                   if graph.get(key).group_name == "models"}  # fmt: skip
    return sorted(sibling.to_user_string() for key in wanted for sibling in _made_with(key, graph))


def _made_with(key: dg.AssetKey, graph: BaseAssetGraph[Any]) -> set[dg.AssetKey]:
    return set(graph.get(key).execution_set_asset_keys) | {key}
