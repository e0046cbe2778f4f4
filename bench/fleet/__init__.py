"""A simulation of fleets of 1 to 1,000 machines: `python -m bench.fleet`.

Discrete events (SimPy), fed with what this project measured, what Google publishes, and what is
assumed; `facts` says which is which. Nothing of it ran on Google Cloud.
"""

from bench.fleet.command import parser

__all__ = ["parser"]
