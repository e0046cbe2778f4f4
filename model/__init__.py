"""The demonstration model: draws its pictures, trains it, and packs it.

Owns the archive, its manifest, the demonstration pictures and their provenance. Does not own
inference: that is `workload`, which knows a model only by its manifest.
"""
