"""The family that needs no server: SQLite files and an in-process bus."""
