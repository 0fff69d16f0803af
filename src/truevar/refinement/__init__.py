"""From a network's answer to the likelihood of the frames: the same emitters, better placed.

:mod:`~truevar.refinement.tracks` (which answers of successive frames are one emitter),
:mod:`~truevar.refinement.fisher_scoring` (the joint fit, on a
:mod:`~truevar.refinement.background` that follows), :mod:`~truevar.refinement.refine` (how far
the fit is believed). Pixels and effective counts throughout: photo-electrons over the camera's
excess factor, whose noise is Poisson's.
"""
