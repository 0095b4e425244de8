"""Integer tensors, kernels and tables."""
