"""`python -m neuralzip` is the command `neuralzip`."""

from neuralzip.cli import main

main()
