"""Options of a family by name: what its constructor takes, the fields of dataclasses included.

So `{"hidden": 128, "learning_rate": 0.003}` shapes a network and `{"p": 2, "d": 0}` an ARIMA, with
one list of names for settings, searches and records. Does not belong here: any family's own values.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_type_hints

from forecast_platform.errors import ModelError

_NOT_OPTIONS = {"self", "workers", "cell"}
"""Given by the platform, or said by the family's name."""


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        kind: Its type.
        default: Its value where none is given.
        part: The constructor's argument that it is a field of; None for an argument itself.
    """

    kind: Any
    default: Any
    part: str | None = None


def options_of(family: type[Any]) -> dict[str, Option]:
    """The options of a family's class by name."""
    hints = get_type_hints(family.__init__)
    parts = _parts(family)
    found = {
        name: Option(hints[name], parameter.default)
        for name, parameter in _arguments(family).items()
        if name not in parts
    }
    for name, part in parts.items():
        kinds = get_type_hints(type(part))
        found |= {f.name: Option(kinds[f.name], getattr(part, f.name), name) for f in fields(part)}
    return {name: option for name, option in found.items() if name not in _NOT_OPTIONS}


def with_options(family: type[Any], options: Mapping[str, Any]) -> Any:
    """An unfitted model of the class with these options.

    Raises:
        ModelError: If an option is unknown or its value does not fit; says what would.
    """
    known, parts = options_of(family), _parts(family)
    given: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise ModelError(
                f"{family.name} has no option {name!r}: "
                + (f"choose from {', '.join(sorted(known))}." if known else "it takes none.")
            )
        part, value = known[name].part, _fitting(family.name, name, known[name].kind, value)
        if part is None:
            given[name] = value
        else:
            given[part] = replace(given.get(part, parts[part]), **{name: value})
    return family(**given)


def _arguments(family: type[Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(family.__init__).parameters
    return {name: parameters[name] for name in parameters if name not in _NOT_OPTIONS}


def _parts(family: type[Any]) -> dict[str, Any]:
    """Arguments that are dataclasses, with the value they have by default."""
    parts = {}
    for name, parameter in _arguments(family).items():
        by_default = parameter.default
        if by_default is None:  # made by the constructor, which keeps it under the same name
            by_default = getattr(family(), name, None)
        if is_dataclass(by_default):
            parts[name] = by_default
    return parts


def _fitting(family: str, name: str, kind: Any, value: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        wanted = error.errors()[0]["msg"]
        raise ModelError(f"The option {name} of {family} cannot be {value!r}: {wanted}.") from error
