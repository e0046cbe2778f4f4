"""Stops operators at once: with Google's APIs alone, whatever state the stack is in."""
