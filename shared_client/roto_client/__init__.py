"""The client: host-neutral work with a daemon, and the command `roto`."""
