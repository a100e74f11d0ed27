"""Suppliers: the only place where vendor libraries of storage, messaging and files are imported. `runtime.resources` alone imports this."""
