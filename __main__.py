"""What `pulumi up` runs."""

from infra import python_version

python_version.require()

from infra.program import run  # noqa: E402  what it imports need not be there for another Python

run()
