"""Training: data, loop, export."""
