"""How clients reach the local cloud: hosts, certificates, proxy, routing, and shared API rules."""
