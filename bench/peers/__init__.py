"""What a user would pick instead of the workload: programs that read the same folder and model.

Each is what the guides of its library recommend, with the manifest's preprocessing. None isolates
its decoder, and none checks or hashes a picture.
"""
