"""The rows of the attack matrix, by what the attacker changes."""
