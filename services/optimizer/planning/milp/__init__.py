"""The engine for everything that is not one convex battery: HiGHS on matrices built directly, binaries only where convexity fails."""
