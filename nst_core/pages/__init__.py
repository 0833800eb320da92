"""Pages of pictures and reports: the paper's figures, the gallery of controls, run reports."""
