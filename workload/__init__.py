"""What runs inside the enclave: one batch of Secundus' pictures through Primus' model.

Read `job.py` first: it is the story. This package imports nothing of the rest of the repository,
and nothing outside it decides what leaves: that is `results.py` and the tables of `errors.py`.
"""
