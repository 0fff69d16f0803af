"""The panel's fields."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import torch
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from truevar.errors import UserError
from truevar.io.camera_file import CameraProfile
from truevar.io.saved_cameras import load_camera, saved_names
from truevar.model.weights import DEFAULT_MODEL, available_models
from truevar.napari.job import Settings
from truevar.napari.layer_movie import Known
from truevar.napari.wording import LABELS

_IF_EMPTY = {
    "pixel_size": "assumed: 100",
    "psf_sigma": "estimated",
    "baseline": "estimated",
    "e_per_adu": "estimated",
    "em_gain": "1: not an EMCCD",
    "read_sigma": "assumed",
    "min_prob": "the model's own",
}
"""What happens if a field is left empty and the layer tells nothing."""

_HELP = {
    "pixel_size": "Side of a camera pixel in the sample",
    "psf_sigma": "Standard deviation of a spot that is in focus",
    "baseline": "What a pixel without light reads",
    "e_per_adu": "Electrons for one count of the camera, after the EM gain",
    "em_gain": "Multiplication of an EMCCD",
    "read_sigma": "RMS of the read noise, after the EM gain",
    "min_prob": "Emitters less probable than this are left out",
}

_NONE = "none"

_CAMERA = ("baseline", "e_per_adu", "em_gain", "read_sigma")


class Form(QWidget):
    """Numbers, model and device. Every number may be left empty.

    Attributes:
        saved: the saved cameras to choose from, the first entry none of them.
        fields: the numbers' fields by name of the argument.
        model, device: what to choose from.
        picture: whether a super-resolved picture is wanted.
    """

    def __init__(self) -> None:
        super().__init__()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.saved = QComboBox()
        self.saved.setToolTip("Numbers saved with: truevar camera add NAME")
        self.saved.currentIndexChanged.connect(self._say_known)
        layout.addRow("Saved camera", self.saved)
        self.fields = {name: QLineEdit() for name in _IF_EMPTY}
        for name, field in self.fields.items():
            field.setToolTip(_HELP[name])
            layout.addRow(LABELS[name], field)
        self.model = QComboBox()
        self.model.addItems(sorted(available_models(), key=lambda name: name != DEFAULT_MODEL))
        layout.addRow(LABELS["model"], self.model)
        self.device = QComboBox()
        self.device.addItems(["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"])
        layout.addRow(LABELS["device"], self.device)
        self.picture = QCheckBox("Super-resolved picture too")
        layout.addRow("", self.picture)
        self._of_layer: Mapping[str, Known] = {}
        self.show_known({})

    def show_known(self, known: Mapping[str, Known]) -> None:
        """Say in the empty fields what will be taken if they stay so.

        Args:
            known: what the layer tells. A saved camera that is chosen goes before it.
        """
        self._of_layer = dict(known)
        self._list_saved()
        self._say_known()

    def _list_saved(self) -> None:
        """The saved cameras there are by now; the chosen one stays chosen."""
        chosen, names = self.saved.currentText(), [_NONE, *saved_names()]
        self.saved.blockSignals(True)
        self.saved.clear()
        self.saved.addItems(names)
        self.saved.setCurrentIndex(names.index(chosen) if chosen in names else 0)
        self.saved.blockSignals(False)

    def _profile(self) -> CameraProfile:
        """What the chosen camera says; nothing where none is chosen.

        Raises:
            UserError: it cannot be read.
        """
        if self.saved.currentIndex() <= 0:
            return CameraProfile()
        return load_camera(self.saved.currentText())

    def _all_known(self, profile: CameraProfile) -> dict[str, Known]:
        of_camera = {
            name: Known(value, profile.sources[name]) for name, value in profile.numbers.items()
        }
        return {**self._of_layer, **of_camera}

    def _say_known(self, _: int = 0) -> None:
        profile = CameraProfile()
        with suppress(UserError):  # said when it is used
            profile = self._profile()
        known = self._all_known(profile)
        for name, field in self.fields.items():
            said = known.get(name)
            field.setPlaceholderText(f"{said.value:g} ({said.source})" if said else _IF_EMPTY[name])

    def settings(self) -> Settings:
        """What is in the fields.

        Raises:
            UserError: a field holds no number, or the saved camera cannot be read.
        """
        profile = self._profile()
        given = {name: self._number(name) for name in self.fields}
        return Settings(
            known=self._all_known(profile),
            maps=profile.maps,
            pixel_size=given["pixel_size"],
            psf_sigma=given["psf_sigma"],
            camera={name: value for name in _CAMERA if (value := given[name]) is not None},
            model=self.model.currentText(),
            min_prob=given["min_prob"],
            device=self.device.currentText(),
        )

    def _number(self, name: str) -> float | None:
        text = self.fields[name].text().strip()
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            raise UserError(
                f"“{LABELS[name]}” is {text!r}; give a number, with a point, or leave it empty"
            ) from None
