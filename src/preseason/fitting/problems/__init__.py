"""How a network is fitted to each problem, once its data are audited."""
