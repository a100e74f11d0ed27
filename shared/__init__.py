"""What more than one service needs: words (domain), messages (contracts), needs (ports), suppliers (adapters) and
process life (runtime). Nothing else is admitted; `.importlinter` and `tests/architecture` hold that."""
