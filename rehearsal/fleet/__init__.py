"""A fleet at work on the local cloud, and what is left when its machines die."""
