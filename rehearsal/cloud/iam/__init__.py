"""Projects, enabled APIs, service accounts, identity pools, and the check of each permission."""
