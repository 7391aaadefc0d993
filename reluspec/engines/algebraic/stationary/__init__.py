"""The critical points of one stratum: equations in charts, symmetries, points, families and orbits."""
