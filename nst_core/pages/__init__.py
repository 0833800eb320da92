"""Pages of pictures: the paper's figures, the gallery of controls, run reports."""
