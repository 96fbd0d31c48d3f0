"""Figures of the product beside the floors of the machine, and the generator of what they are measured on."""
