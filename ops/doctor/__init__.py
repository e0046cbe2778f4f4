"""Looks before an update whether it can succeed: configuration, tools, project, machine."""
