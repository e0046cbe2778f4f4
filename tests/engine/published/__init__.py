"""A workload as somebody would write it who knows Google's clients and nothing of this program."""
