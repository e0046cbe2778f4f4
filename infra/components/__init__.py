"""The resources of both companies, as Pulumi components."""
