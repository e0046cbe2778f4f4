"""A local stand-in for the parts of Google Cloud that the two stacks and the workload touch.

It refuses for the reasons Google would. What a green run does not prove is in
`rehearsal/README.md`.
"""
