"""Gets the `pulumi` CLI, in whichever way this machine allows.

`python -m rehearsal.pulumi_cli` prints the folder that holds it, for PATH:
`export PATH="$(python -m rehearsal.pulumi_cli):$PATH"`.
"""
