"""How fast the workload is, measured: every figure of `docs/bench.md`, and nothing that ships.

Read `courses.py` for what is run in which order, and `figures.py` for what is made of it.
Nothing imports this package.
"""
