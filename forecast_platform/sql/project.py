"""The SQL project: its models, what they depend on, and the SQL that Jinja makes of them.

Belongs here: reading the folder that dbt also builds. Does not belong here: running it (`run.py`)
and following columns through it (`lineage.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

import jinja2
import yaml

from forecast_platform.contracts import tables
from forecast_platform.errors import ConfigurationError

PROJECT_FOLDER = Path(__file__).resolve().parents[2] / "dbt_like_sql"


@dataclass(frozen=True)
class ModelSpec:
    """One SQL model.

    Attributes:
        name: Model name, also the relation it makes.
        layer: staging, intermediate or marts: the folder it lies in.
        sql: The model as written, with its Jinja.
        description: One sentence or more from the model's yml.
        columns: Description of each column, in order.
        depends_on: Models and sources it selects from, sorted.
        lookback_days: Days before its own day that it reads of what it depends on, where not zero.
        materialized: table or view.
        path: The file.
    """

    name: str
    layer: str
    sql: str
    description: str
    columns: Mapping[str, str]
    depends_on: tuple[str, ...]
    lookback_days: Mapping[str, int]
    materialized: str
    path: Path


class _Exceptions:
    """What dbt offers to macros under the name `exceptions`."""

    @staticmethod
    def raise_compiler_error(message: str) -> NoReturn:
        raise ConfigurationError(message)


@dataclass(frozen=True)
class SqlProject:
    """A dbt project of plain SELECT models over one DuckDB.

    Attributes:
        folder: The project's folder.
        models: Models by name, each after all that it depends on.
        sources: Tables that the project reads, each with the columns it reads.
        variables: Defaults of `{{ var() }}`.
    """

    folder: Path
    models: Mapping[str, ModelSpec]
    sources: Mapping[str, tuple[str, ...]]
    variables: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path = PROJECT_FOLDER) -> SqlProject:
        """Read the project in `folder`.

        Raises:
            ConfigurationError: If a file cannot be read, a model refers to something unknown or
                to itself in a circle; names the file.
        """
        settings = _yaml(folder / "dbt_project.yml")
        variables = settings.get("vars") or {}
        described: dict[str, dict[str, Any]] = {}
        sources: dict[str, tuple[str, ...]] = {}
        for path in sorted((folder / "models").rglob("*.yml")):
            text = _yaml(path)
            described |= {model["name"]: model for model in text.get("models") or ()}
            for source in text.get("sources") or ():
                sources |= {table["name"]: tuple(_columns(table)) for table in source["tables"]}
        materialized = (settings.get("models") or {}).get(settings.get("name")) or {}
        files = {path.stem: path for path in sorted((folder / "models").rglob("*.sql"))}
        _check_described(described, files, folder)
        project = cls(folder, {}, sources, variables)
        models = {}
        for name, path in files.items():
            layer = path.parent.name
            model = described.get(name, {})
            depends_on = project._depends_on(path, files)
            models[name] = ModelSpec(
                name=name,
                layer=layer,
                sql=path.read_text(encoding="utf-8"),
                description=(model.get("description") or "").strip(),
                columns=_columns(model),
                depends_on=depends_on,
                lookback_days=_lookback_days(model, depends_on, variables, path),
                materialized=(materialized.get(layer) or {}).get("+materialized", "view"),
                path=path,
            )
        return cls(folder, _in_order(models), sources, variables)

    def render(
        self,
        model: str,
        *,
        first: dt.date,
        last: dt.date,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The SELECT of `model` for the days [first, last].

        Relations carry the names of models and sources.

        Args:
            model: Model name.
            first: First day to build.
            last: Last day to build.
            variables: Values of `{{ var() }}` that replace the project's own.

        Raises:
            ConfigurationError: If the template cannot be rendered; names the file.
        """
        days = {"first_day": first.isoformat(), "last_day": last.isoformat()}
        values = {**self.variables, **(variables or {}), **days}
        spec = self.models[model]
        return _render(self.folder, spec.path, values, lambda name: name, lambda _, name: name)

    def lookback(self) -> dict[str, int]:
        """Days before day D that must be at hand of each source to build D.

        The sum of look-backs along the longest path from a model that nothing reads to the
        source. Tables without a business day are read whole and left out.
        """
        reach: dict[str, int] = dict.fromkeys(self.models, 0)
        for name in reversed(tuple(self.models)):
            model = self.models[name]
            for upstream in model.depends_on:
                days = reach[name] + model.lookback_days.get(upstream, 0)
                reach[upstream] = max(reach.get(upstream, 0), days)
        contracts = tables()
        return {name: reach.get(name, 0) for name in self.sources if contracts[name].day}

    def upstream_of(self, wanted: Collection[str]) -> tuple[str, ...]:
        """The models `wanted` and all models that they need, each after all that it needs.

        Raises:
            ConfigurationError: If there is no such model.
        """
        unknown = sorted(set(wanted) - set(self.models))
        if unknown:
            raise ConfigurationError(
                f"The SQL project has no model {', '.join(unknown)}: expected some of "
                f"{', '.join(self.models)}."
            )
        needed = set(wanted)
        for name in reversed(tuple(self.models)):
            if name in needed:
                needed.update(self.models[name].depends_on)
        return tuple(name for name in self.models if name in needed)

    def _depends_on(self, path: Path, files: Mapping[str, Path]) -> tuple[str, ...]:
        found: set[str] = set()

        def ref(name: str) -> str:
            if name not in files:
                raise ConfigurationError(
                    f"{path} refers to the model {name}, which does not exist: "
                    f"expected one of {', '.join(sorted(files))}."
                )
            found.add(name)
            return name

        def source(_: str, name: str) -> str:
            if name not in self.sources:
                raise ConfigurationError(
                    f"{path} refers to the source {name}, which no yml declares: "
                    f"expected one of {', '.join(sorted(self.sources))}."
                )
            found.add(name)
            return name

        # With days given, as the platform renders it: only a whole history asks sales for its end.
        days = {"first_day": "2000-01-01", "last_day": "2000-01-01"}
        _render(self.folder, path, {**self.variables, **days}, ref, source)
        return tuple(sorted(found))


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
    except FileNotFoundError as error:
        raise ConfigurationError(f"No SQL project: {path} is missing.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} should hold a mapping, as dbt expects it.")
    return content


def _columns(described: Mapping[str, Any]) -> dict[str, str]:
    return {
        column["name"]: (column.get("description") or "").strip()
        for column in described.get("columns") or ()
    }


# The C parser where PyYAML was built with it: the definitions load this at every start.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _check_described(described: Mapping[str, Any], files: Mapping[str, Path], folder: Path) -> None:
    missing = sorted(set(described) - set(files))
    if missing:
        raise ConfigurationError(
            f"The yml files under {folder / 'models'} describe {', '.join(missing)}, but there is "
            "no such .sql file: write it or take the description out."
        )


def _lookback_days(
    model: Mapping[str, Any],
    depends_on: tuple[str, ...],
    variables: Mapping[str, Any],
    path: Path,
) -> dict[str, int]:
    """Look-back of each input; the yml names the variable that the SQL itself uses."""
    declared = ((model.get("config") or {}).get("meta") or {}).get("lookback_days") or {}
    for upstream, variable in declared.items():
        if upstream not in depends_on:
            raise ConfigurationError(
                f"The yml of {path} gives a look-back on {upstream}, which it does not select "
                f"from: expected some of {', '.join(depends_on)}."
            )
        if variable not in variables:
            raise ConfigurationError(
                f"The look-back of {path} names the variable {variable}, which dbt_project.yml "
                "does not define."
            )
    return {upstream: int(variables[variable]) for upstream, variable in declared.items()}


def _in_order(models: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    graph = {name: set(model.depends_on) & set(models) for name, model in models.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        files = ", ".join(str(models[name].path) for name in sorted(set(error.args[1])))
        raise ConfigurationError(
            f"Models refer to each other in a circle, {circle}: break it in one of {files}."
        ) from error
    return {name: models[name] for name in order}


def _render(folder: Path, path: Path, variables: Mapping[str, Any], ref: Any, source: Any) -> str:
    def var(name: str, default: Any = None) -> Any:
        if name not in variables and default is None:
            raise ConfigurationError(
                f"{path} reads the variable {name}, which dbt_project.yml does not define."
            )
        return variables.get(name, default)

    names: dict[str, Any] = {"var": var, "ref": ref, "source": source, "exceptions": _Exceptions}
    try:
        for macro in sorted((folder / "macros").rglob("*.sql")):
            module = _template(macro, names).module
            names |= {name: value for name, value in vars(module).items() if name[0] != "_"}
        return _template(path, names).render().strip()
    except jinja2.TemplateError as error:
        raise ConfigurationError(
            f"{path} is not a template that can be rendered: {error}"
        ) from error


_JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined)


def _template(path: Path, names: dict[str, Any]) -> jinja2.Template:
    return jinja2.Template.from_code(_JINJA, _compiled(path.read_text(encoding="utf-8")), names)


@lru_cache
def _compiled(text: str) -> CodeType:
    """Compiled once per process: every model uses the same macros."""
    return _JINJA.compile(text)
