"""FLAC files (RFC 9639): frames <-> samples and the choices of their encoder, bit for bit.

Residuals follow from both, so that only the choices are kept beside the samples; and most choices follow from the
samples, since encoders make them by known rules. `stream` is what codecs call.
"""
