"""Independent programs with the same furniture in each room."""
