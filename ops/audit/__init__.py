"""Compares what leads to model and pictures with what the stack has deployed."""
