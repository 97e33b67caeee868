"""Measures the platform; `python -m benchmarks.run` runs everything."""
