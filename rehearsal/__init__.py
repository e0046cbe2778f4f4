"""Everything offline: a local cloud, the demonstration and the attacks. No company runs it."""
