"""The engines that run a released model, and the checks of what a model may compute."""
