"""Adapters to servers: for what outgrows one machine, or must be seen by others."""
