"""A local stand-in for the parts of Google Cloud that the two stacks and the workload use.

It refuses for the reasons that Google does. `rehearsal/README.md` says what a green run does not
prove.
"""
