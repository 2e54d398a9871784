"""How the answers to each problem are shown in the report and on the model card."""
