"""The commands about a fleet: `submit` gives it a job, `results` shows what its machines left."""
