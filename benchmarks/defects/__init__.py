"""Defects put into measured series, and what is found of them."""
