"""The report of a run: one HTML page with the pictures, or a table for a spreadsheet."""
