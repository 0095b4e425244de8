"""File bytes to symbol arrays and back, byte-exact."""
