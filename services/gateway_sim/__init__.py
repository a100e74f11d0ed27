"""A simulated gateway. Consumes schedules; produces readings, its site and announced prices: edge store first, messages second."""
