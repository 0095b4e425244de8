"""Media, predictor, schedule and coder put together."""
