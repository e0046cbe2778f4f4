"""Stand-ins for Pulumi's provider plugins, for machines that cannot download the genuine ones.

They answer the engine's gRPC protocol and send requests to Google's REST APIs, as the genuine ones
do. A real deployment never uses them.
"""
