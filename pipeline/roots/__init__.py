"""Pipeline roots in an object store, staged through local disk at the boundary of a node."""
