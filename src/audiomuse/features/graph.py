"""What hangs together: the connected components of a graph on rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.integer]


def connected_components(n: int, first: Rows, second: Rows) -> NDArray[np.int32]:
    """Number the nodes 0..n-1 by the component they are in.

    Parameters
    ----------
    n : int
        Nodes.
    first, second : ndarray, shape=(m,)
        The two ends of each edge; direction does not matter.

    Returns
    -------
    ndarray of int32, shape=(n,)
        0..k-1; a node without an edge is a component of its own.
    """
    # Late: SciPy is 25 MB that a page which only shows the library never needs.
    from scipy.sparse import coo_array, csgraph

    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    return np.asarray(csgraph.connected_components(edges, directed=False)[1], dtype=np.int32)
