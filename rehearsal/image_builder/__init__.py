"""Container images without a container engine: built from a Dockerfile, and pushed."""
