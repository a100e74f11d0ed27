"""Not a service but a deployment: every service in one process on the embedded adapters, and the command `der`."""
