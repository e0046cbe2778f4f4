"""The policy pack: rules that no deployment of this program may break."""
