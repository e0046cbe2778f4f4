"""The demonstration model: how its pictures are drawn, how it is trained, what is shipped.

Owns the archive, its manifest, the demonstration pictures and their provenance. Refuses to own
inference: what the enclave runs is `workload`, which knows a model only by its manifest.
"""
