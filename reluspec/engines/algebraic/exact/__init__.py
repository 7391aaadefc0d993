"""Exact numbers, and linear algebra, cones and quadratic forms over them."""
