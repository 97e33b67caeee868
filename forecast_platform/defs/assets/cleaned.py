"""The SQL models: views of the validated tables, and the cleaned table they end in."""

from collections.abc import Iterator

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.defs.metadata import column_lineage, result
from forecast_platform.defs.partitions import days_of
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec, sql_models
from forecast_platform.sql.lineage import column_lineage as model_lineage
from forecast_platform.sql.project import ModelSpec

_TABLE = "clean_demand"


def _view(model: ModelSpec) -> dg.AssetSpec:
    """A model that is computed on the way and not stored."""
    return dg.AssetSpec(
        key=model.name,
        description=model.description,
        group_name="clean",
        owners=["team:data-engineering"],
        kinds={"sql", "duckdb", "view"},
        deps=list(model.depends_on),
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(name, description=text) for name, text in model.columns.items()]
            )
        },
    )


_MODELS = sql_models()


@dg.multi_asset(
    name="sql_models",
    specs=[
        *(_view(model) for model in _MODELS.values() if model.name != _TABLE),
        spec(
            _TABLE,
            deps=[
                *(name for name in _MODELS[_TABLE].depends_on if name in _MODELS),
                *dependencies(_TABLE),
            ],
            kinds=("sql", "duckdb", "delta"),
        ),
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cleaned(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Run the SQL models over the look-back and publish the days."""
    from forecast_platform.sql.run import run

    opened = home.home
    days = days_of(context)
    making = opened.begin(_TABLE, days)
    sources = {name: making.window(name) for name in opened.sql.sources}
    frame = run(opened.sql, sources, first=days[0], last=days[-1], outputs=[_TABLE])[_TABLE]
    making.publish({_TABLE: frame})
    for name in _MODELS:
        lineage = column_lineage(model_lineage(opened.sql, name))
        if name in tables():
            yield result(context, name, frame, days, lineage)
        else:
            yield dg.MaterializeResult(asset_key=name, metadata={"dagster/column_lineage": lineage})
