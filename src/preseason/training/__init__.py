"""From bank rows to a fitted predictor: ways to answer, cross-fitted, chosen and averaged."""
