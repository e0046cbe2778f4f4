"""Artifact Registry: its repositories, and the OCI distribution API of their images."""
