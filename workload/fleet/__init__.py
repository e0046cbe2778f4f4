"""A fleet of machines shares the work: jobs of slices, and a stream of pictures."""
