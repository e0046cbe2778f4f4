"""compute.googleapis.com, the machines that it starts, and their metadata server."""
