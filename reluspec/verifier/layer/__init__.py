"""One hidden layer of homogeneous units, a convex loss with a continuous gradient: strata are excluded by convexity."""
