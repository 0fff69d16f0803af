"""The first model: coarse to fine over active cells, without codes.

Its weights are those of version 0.1.0 (``default``). Every scale hands its own distributions down
and its siblings attend to each other; there is no f̂ and no attention beyond them. It shares the
image side, the splits and the output with the model that followed it (``truevar.model.predictor``),
and is kept to localise, not to be trained again.
"""
