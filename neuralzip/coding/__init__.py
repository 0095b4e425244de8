"""Frequencies, schedules, rANS and bits-back."""
