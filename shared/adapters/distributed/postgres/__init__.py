"""PostgreSQL as the cloud store, spoken to directly."""
