"""The command `handover`: the files between companies that share no backend."""
