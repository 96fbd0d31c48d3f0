"""The least that a figure can cost: the same work without the product, on the same machine in the same run."""
