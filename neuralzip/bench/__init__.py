"""Peers, accounting and reports."""
