"""How the answers to each problem are printed: in sentences, tables, CSV and JSON."""
