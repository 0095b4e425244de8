"""Deflate streams (RFC 1951) as what their data does not tell, by the rules of the encoders that make them."""
