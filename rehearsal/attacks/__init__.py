"""`make attack`: everything that an operator could try, and a test of each guard."""
