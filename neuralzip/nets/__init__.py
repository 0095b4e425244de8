"""One architecture a file: the float module for training and its integer form."""
