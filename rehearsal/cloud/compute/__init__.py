"""compute.googleapis.com, the running machines, and their metadata servers."""
