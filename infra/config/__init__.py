"""The configuration of both stacks: read, validated, and given on as frozen values."""
