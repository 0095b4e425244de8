"""Multiscale PixelCNN with parity groups: pixels of a group are independent given all groups before.

S. Reed et al., "Parallel multiscale autoregressive density estimation" (2017, arXiv 1703.03664): four groups a
scale, the first of which is the scale above, so that a picture takes O(log n) steps. The nets are those of the
integer discrete flow (`nets.idf`) with a wider field of view and more mixture components; a sample is coded under
its mixture itself. It departs from the paper in that nets are shared by all scales and see gathered neighbours.
"""

from typing import Any

from neuralzip.nets import idf, lattice


class ParallelPixelCnn(idf.Idf):
    """The nets of all groups, the same at every level; arguments as for `idf.Idf`."""

    taps = lattice.FAR

    def __init__(self, widths: tuple[int, int, int] = (128, 96, 48), components: int = 5) -> None:
        super().__init__(widths, components)


class IntParallelPixelCnn(idf.IntIdf):
    """The integer nets of a model.

    Raises:
        ModelError: these are not weights of a multiscale PixelCNN.
    """

    architecture, taps = "parallel", lattice.FAR


def export(net: ParallelPixelCnn) -> tuple[idf.Arrays, dict[str, Any]]:
    """Return (integer arrays, JSON description) of a net."""
    return idf.export_layers(net), {"architecture": "parallel", "version": 1, "config": net.config}
