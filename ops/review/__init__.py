"""The review of a preview: who could read the model after a change, what is lost, what restarts."""
