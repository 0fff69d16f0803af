"""TrueVAR: emitters of localisation microscopy by next-scale prediction.

import truevar
emitters = truevar.localize("movie.tif", pixel_size=100)
emitters.write("emitters.csv")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from truevar.camera import Camera
    from truevar.emitters import Emitters
    from truevar.errors import TrueVARWarning, UserError
    from truevar.inference.localize import localize
    from truevar.io.tables.table import read_emitters
    from truevar.model.weights import load_model
    from truevar.view.render import save_picture

_WHERE = {
    "Camera": "truevar.camera",
    "Emitters": "truevar.emitters",
    "TrueVARWarning": "truevar.errors",
    "UserError": "truevar.errors",
    "load_model": "truevar.model.weights",
    "localize": "truevar.inference.localize",
    "read_emitters": "truevar.io.tables.table",
    "save_picture": "truevar.view.render",
}

__all__ = [
    "Camera",
    "Emitters",
    "TrueVARWarning",
    "UserError",
    "__version__",
    "load_model",
    "localize",
    "read_emitters",
    "save_picture",
]


def __getattr__(name: str) -> Any:
    # Imported when first used: training needs none of the readers, help none of torch.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'truevar' has no attribute {name!r}")
