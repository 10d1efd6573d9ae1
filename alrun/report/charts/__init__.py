"""Charts as Vega-Lite specifications: one definition each for the page, the paper and the image files."""
