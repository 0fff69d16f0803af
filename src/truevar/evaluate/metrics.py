"""The accuracy of a table of predictions: PROTOCOL.md's figures, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.evaluate.figures import FIGURES, figures_of
from truevar.evaluate.matching import (
    BORDER_NM,
    DIM_SHARE,
    RADIUS_NM,
    Pairs,
    assign,
    candidate_pairs,
    in_field,
    is_bright,
)
from truevar.evaluate.tally import Counted, count_accuracy, count_calibration, count_found, count_limit
from truevar.evaluate.tallies import Tallies, interval
