"""neuralzip: lossless compression by autoregressive likelihoods."""
