"""What a company runs beside `pulumi`: `confidential-inference --help`."""
