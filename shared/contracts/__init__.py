"""What crosses a process border: frozen, versioned pydantic models; unknown fields are errors."""
