"""``inference_true_var.py``: a model and a few frames in, emitters of every scale out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import truevar
from truevar.calibration.imaging_setup import Setup, find_setup
from truevar.commands.parser import Parser, above_zero, probability, region, whole
from truevar.device import pick_device
from truevar.doors.options import as_door_option
from truevar.doors.report import summary, write_scales
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference.domain import domain_warnings
from truevar.inference.modes import (
    DECODINGS,
    FIELD,
    TARGETS,
    FrameStack,
    manner_of,
    predict_scales,
    super_resolution_cells,
)
from truevar.io.movies.movie import open_movie
from truevar.io.saved_cameras import read_camera
from truevar.io.tables.table import read_emitters
from truevar.model.weights import DEFAULT_MODEL, TrainedModel, available_models, load_model
from truevar.samples import sample_movie, sample_truth
from truevar.wording import Message, argument

DESCRIPTION = """\
Find emitters scale by scale, in a few frames of a movie or in three that come with the package.

progressive        cells of the frame's 10th, 20th, 40th and 80th part (of 4, 2, 1 and 1/2 px where
                   frames are not of 40, 80 or 160 px)
super_resolution   40 x 40 px to a finer grid, 80 x 80 and on; a larger frame at the same
                   magnification. Of the frames that come with the package, the central 40 x 40 px.

Every scale becomes a table, MODE_WxH.csv, and a picture of its probabilities, MODE_WxH.png;
MODE.png has all scales side by side on the camera frame. For whole movies: truevar localize.
"""

EXAMPLES = """\
examples:
  python inference_true_var.py --model best_model.pt --mode progressive
  python inference_true_var.py --model true-var-small --mode super_resolution --target_res 160
  python inference_true_var.py --model true-var-small --mode both --input movie.tif --pixel_size 100
"""

MODES = ("progressive", "super_resolution")

MOST_PIXELS = 512
"""Of a larger frame the central part is taken, unless --roi says which."""


@dataclass(frozen=True)
class Recording:
    """What frames are taken from.

    Attributes:
        path: the movie.
        frames: how many to read at most.
        setup: its imaging setup.
        size: (H, W) of its frames.
        roi: the part that was asked for, (x0, x1, y0, y1) with None for an end.
        truth: where it is known.
    """

    path: Path
    frames: int
    setup: Setup
    size: tuple[int, int]
    roi: tuple[int | None, ...] | None
    truth: Emitters | None

    def region(self, widest: int) -> tuple[int, int, int, int]:
        """(x0, x1, y0, y1) of the part asked for, or of at most ``widest`` px in the middle."""
        height, width = self.size
        if self.roi is not None:
            x0, x1, y0, y1 = self.roi
            return x0 or 0, width if x1 is None else x1, y0 or 0, height if y1 is None else y1
        x0, y0 = max((width - widest) // 2, 0), max((height - widest) // 2, 0)
        return x0, min(x0 + widest, width), y0, min(y0 + widest, height)


def run(argv: Sequence[str]) -> int:
    """Predict as the arguments say.

    Returns:
        the exit code, 0.

    Raises:
        UserError: the model, the movie or an option cannot be used.
    """
    args = _parser().parse_args(argv)
    if args.target_res not in TARGETS:
        known = ", ".join(map(str, TARGETS))
        raise UserError(f"--target_res is {args.target_res}; give one of {known}")
    model = _load(args.model, args.device)
    recording = _open(args)
    sigma_px = recording.setup.psf_sigma / recording.setup.pixel_size
    recording.setup.warnings.extend(
        domain_warnings(model.domain, sigma_px, recording.setup.pixel_size)
    )
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write into {args.output}; choose another --output") from error
    for kind, lines in (("note", recording.setup.notes), ("warning", recording.setup.warnings)):
        for line in lines:
            print(f"{kind}: {Message(line).for_command_line(as_door_option)}", file=sys.stderr)
    sys.stderr.flush()
    for mode in MODES if args.mode == "both" else (args.mode,):
        if (args.output / f"{mode}.png").exists():
            print(f"note: {args.output}/{mode}* of an earlier run is replaced", file=sys.stderr)
        _run_mode(mode, args, model, recording)
    print(f"tables and pictures: {args.output}")
    return 0


def _run_mode(
    mode: str, args: argparse.Namespace, model: TrainedModel, recording: Recording
) -> None:
    """One mode: predict, write, and tell."""
    network = model.network
    cells = None
    widest = MOST_PIXELS
    if mode == "super_resolution":
        cells = super_resolution_cells(network, args.target_res)
        widest = FIELD if recording.truth is not None else MOST_PIXELS
    x0, x1, y0, y1 = recording.region(widest)
    setup = recording.setup
    with open_movie(recording.path, (0, recording.frames), (x0, x1, y0, y1)) as movie:
        movie.check_not_empty()
        stack = FrameStack.read(movie, setup, network.around)
        height, width = movie.field
        meta = {
            "program": f"truevar {truevar.__version__}",
            "movie": movie.name,
            "pixel_size": setup.pixel_size,
            "width": width,
            "height": height,
            "frames": movie.total_frames,
            "frame_range": [movie.first_frame, movie.first_frame + len(movie)],
            "region": [x0, x1, y0, y1],
            "psf_sigma": setup.psf_sigma,
            "camera": setup.camera.describe(),
            "sources": setup.sources,
            "model": model.name,
            "mode": mode,
            "decoding": args.decoding,
            "notes": [str(line) for line in setup.notes],
            "warnings": [str(line) for line in setup.warnings],
        }
    torch.manual_seed(args.seed)
    manner = manner_of(
        args.decoding, args.temperature, args.top_k, next(network.parameters()).device
    )
    pictured = len(stack) // 2
    scales = predict_scales(model, stack, cells, manner, args.threshold, pictured, meta)
    write_scales(args.output, mode, stack, scales, pictured, recording.truth)
    print(summary(mode, stack, scales, recording.truth))
    if not any(len(scale.emitters) for scale in scales):
        print(
            f"note: no cell is as probable as {scales[0].emitters.meta['min_prob']:g}; train "
            "longer, or lower --threshold",
            file=sys.stderr,
        )


def _load(name: str, device_name: str) -> TrainedModel:
    """The model, with a word on where to get one."""
    if name not in available_models() and not Path(name).is_file():
        raise UserError(
            f"there is no model {name}; train one with `python train_true_var.py --config "
            f"config_true_var.json`, or give --model {DEFAULT_MODEL}"
        )
    if device_name == "auto":
        device_name = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(name, pick_device(device_name))
    return model


def _open(args: argparse.Namespace) -> Recording:
    """The movie that was given, or the sample frames, and what they were taken with."""
    path: Path = args.input or sample_movie()
    truth = None if args.input else read_emitters(sample_truth())
    psf_sigma = args.psf_sigma
    if psf_sigma is None and truth is not None:
        psf_sigma = truth.meta["psf_sigma"]
    profile = read_camera(args.camera) if args.camera else None
    with open_movie(path) as movie:
        movie.check_not_empty()
        setup = find_setup(movie, args.pixel_size, psf_sigma, profile=profile)
        _, height, width = movie.shape
    if args.roi is not None:
        open_movie(path, roi=args.roi).close()  # says so if the region is not in the movie
    if args.roi is None and max(height, width) > MOST_PIXELS:
        setup.notes.append(
            Message(
                f"frames are large: the central {MOST_PIXELS} px are looked at; give "
                f"{argument('roi')} for others, or use `truevar localize` for all"
            )
        )
    return Recording(path, args.frames, setup, (height, width), args.roi, truth)


def _parser() -> Parser:
    parser = Parser(prog="inference_true_var.py", description=DESCRIPTION, epilog=EXAMPLES)
    what = parser.add_argument_group("what")
    what.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="FILE|NAME",
        help="a file that training wrote, or a model that comes with the package (default: "
        f"{DEFAULT_MODEL})",
    )
    what.add_argument("--mode", choices=(*MODES, "both"), default="both", help="(default: both)")
    what.add_argument(
        "--target_res",
        type=whole(1),
        default=TARGETS[0],
        metavar="N",
        help="super_resolution: cells along 40 px: 80, 160 or 320 (default: 80)",
    )
    what.add_argument(
        "--input", type=Path, metavar="MOVIE", help="a movie (default: three sample frames)"
    )
    what.add_argument(
        "--frames", type=whole(1), default=3, metavar="N", help="its first N frames (default: 3)"
    )
    what.add_argument(
        "--roi", type=region, metavar="X0:X1,Y0:Y1", help="region in px, ends not included"
    )
    what.add_argument(
        "--output",
        type=Path,
        default=Path("true_var_output"),
        metavar="DIR",
        help="folder for tables and pictures (default: true_var_output)",
    )
    optics = parser.add_argument_group("optics (default: the movie's tags, else estimated)")
    optics.add_argument("--psf_sigma", type=above_zero, metavar="NM", help="width of the PSF, nm")
    optics.add_argument("--pixel_size", type=above_zero, metavar="NM", help="camera pixel, nm")
    optics.add_argument("--camera", metavar="NAME|FILE", help="as for `truevar localize --camera`")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--decoding",
        choices=DECODINGS,
        default="soft",
        help="what a scale hands down: its distribution (soft, the default), the likeliest "
        "decision (greedy), or a draw (sampled)",
    )
    how.add_argument(
        "--temperature", type=above_zero, default=1.0, metavar="T", help="of a draw (default: 1)"
    )
    how.add_argument(
        "--top_k",
        type=whole(0),
        default=0,
        metavar="K",
        help="draw from the K likeliest codes only (default: 0, all)",
    )
    how.add_argument("--seed", type=whole(0), default=0, metavar="S", help="of draws (default: 0)")
    how.add_argument(
        "--threshold",
        type=probability,
        metavar="P",
        help="leave out emitters less probable than this (default: the model's own)",
    )
    how.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, …")
    return parser
