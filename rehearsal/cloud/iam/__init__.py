"""Projects, switched-on APIs, service accounts, identity pools, and the check of every access."""
