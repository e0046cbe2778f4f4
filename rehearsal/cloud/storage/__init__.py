"""storage.googleapis.com: buckets, objects, uploads, and who may use them."""
