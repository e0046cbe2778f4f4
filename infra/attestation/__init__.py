"""The release policy: which claims an attestation token must carry, as clauses and as CEL."""
