"""Stand-ins for Pulumi's provider plugins, for machines that cannot download the genuine ones.

They speak the engine's protocol on one side and the cloud's own HTTP requests on the other, so that
the genuine plugins can take their place. They are never used by a real deployment.
"""
