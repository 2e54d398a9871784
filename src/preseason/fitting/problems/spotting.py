"""Windows around actions are learnt like examples with a label of their own."""

from preseason.fitting.problems.base import fitters
from preseason.fitting.problems.classification import fit_labels

fitters.add("spotting", fit_labels)
