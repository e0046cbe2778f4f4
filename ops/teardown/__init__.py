"""The end of a deployment: empties its buckets, and finds what is left."""
