"""Decodes picture files to pixels, in processes that hold neither model nor credentials."""
