"""How models of each modality are exported: one file for each."""
