"""The HTTP surface: one module for each kind of resource, and what they share (problems, strictness, protection, live)."""
