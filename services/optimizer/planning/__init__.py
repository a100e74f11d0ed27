"""When to buy, sell or store: problem, engines, value curves, reasons, rules and replay. Pure: arrays in, arrays out."""
