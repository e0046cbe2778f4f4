"""Measures the speed and memory of the workload: every figure of `docs/bench.md`.

`schedule.py` says what runs in which order, `figures.py` how samples become figures. This package
is not shipped.
"""
