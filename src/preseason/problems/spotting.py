"""Actions with times in long videos: windows are named like examples of their own, then videos are searched.

Fitting and `evaluate` score the windows; `evaluation.spotting` scores what was found in whole videos.
"""

from preseason.problems.base import problems
from preseason.problems.classification import Classification

problems.add("spotting", Classification("spotting"))
