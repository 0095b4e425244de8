"""Online exact learners and the mixing engine."""
