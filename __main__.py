"""What `pulumi up` runs."""

from infra import interpreter

interpreter.require()

from infra.program import run  # noqa: E402  what it imports need not be there for another Python

run()
