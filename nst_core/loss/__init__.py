"""The objective of the paper: loss terms, style statistics, priors, guides and weights."""
