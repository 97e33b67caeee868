"""Unfitted models as the settings of a shop want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forecast_platform.errors import ConfigurationError
from forecast_platform.models import FAMILIES, Forecaster, create
from forecast_platform.settings import Settings


def unfitted_family(
    settings: Settings, family: str, options: Mapping[str, Any] | None = None
) -> Forecaster:
    """A model of `family` with the workers, effort and options of the settings.

    Args:
        settings: The shop's settings.
        family: One of `FAMILIES`.
        options: Options that take the place of those in the settings.

    Raises:
        ConfigurationError: If the settings have options of a family that does not exist.
        ModelError: If there is no such family, or it has no such option.
    """
    if strangers := sorted(settings.model_options.keys() - {*FAMILIES}):
        raise ConfigurationError(
            f"The setting model_options names {', '.join(strangers)}, which is no model family: "
            f"choose from {', '.join(FAMILIES)}."
        )
    return create(
        family,
        workers=settings.workers,
        ray_address=settings.ray_address,
        effort=settings.training_effort,
        options={**settings.model_options.get(family, {}), **(options or {})},
    )
