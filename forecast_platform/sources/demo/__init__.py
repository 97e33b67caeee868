"""The demo: a made-up shop whose landing files show all that the platform copes with."""

from forecast_platform.sources.demo.make import make_demo

__all__ = ["make_demo"]
