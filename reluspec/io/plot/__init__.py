"""Pictures of a map for papers, with matplotlib (`pip install 'reluspec[plot]'`)."""

from reluspec.io.plot.figures import PICTURES, plot, write_plot

__all__ = ["PICTURES", "plot", "write_plot"]
