"""The exact engine: one battery whose steps cost what is convex in the change of its stored energy; many sites at once."""
