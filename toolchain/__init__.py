"""Gets the `pulumi` command line, whichever way this machine allows.

`python -m toolchain` prints the folder that holds it, for PATH:
`export PATH="$(python -m toolchain):$PATH"`.
"""
