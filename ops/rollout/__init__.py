"""Rollouts: the old and the new are admitted together for a while."""
