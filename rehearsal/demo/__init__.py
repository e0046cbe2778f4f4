"""`make demo`: the main job, end to end, with an impostor."""
