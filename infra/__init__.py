"""The Pulumi program: what Primus and Secundus declare on Google Cloud, and nothing else."""
