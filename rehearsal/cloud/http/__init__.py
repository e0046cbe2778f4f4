"""How the local cloud is reached: hosts, certificates, the proxy, and what all APIs share."""
