"""The figures, one module each: what is measured of the product, and its floor, in turns."""
