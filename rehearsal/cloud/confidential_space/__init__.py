"""Confidential Space: the launcher, its launch policy, and the attestation tokens."""
