"""Explains why `pulumi up` or `destroy` failed, by what it printed."""
