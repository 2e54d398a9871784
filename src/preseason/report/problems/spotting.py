"""Actions in time: what is shown are the windows, which are labelled like examples of their own."""

from preseason.report.problems.base import pages
from preseason.report.problems.classification import LabelPage

pages.add("spotting", LabelPage())
