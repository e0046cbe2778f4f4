"""`make attack`: what an operator could try, and whether each guard stops some of it."""
