"""What runs inside the enclave: it classifies one batch of Secundus' pictures with Primus' model.

Start with `job.py`, which runs the steps in order. This package imports nothing from the rest of
the repository. Only `results.py` and the tables of `errors.py` decide what leaves the enclave.
"""
