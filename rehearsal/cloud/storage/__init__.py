"""storage.googleapis.com: buckets, objects, uploads, and their permissions."""
