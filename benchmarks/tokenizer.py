"""How much the tokeniser loses: truth → codes → decode, no image in between.

Prints, per density, the Jaccard index and the error that codes add (the mean place of a cell's
emitters is all that codes say), from codes alone and with the continuous offsets that a model's
heads give beside them; then how many of each scale's codes are in use.
"""

from __future__ import annotations

import argparse

import torch

from truevar.evaluation.scoring import evaluate
from truevar.evaluation.through_codes import through_codes
from truevar.model.weights import DEFAULT_MODEL, load_model
from truevar.simulation.scenes import simulate
from truevar.training.tokenizer_stage import measure_tokenizer

DENSITIES = (0.2, 1.0, 2.0, 4.0)
SEED = 2_000_123
"""Of scenes that no model was trained on."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="whose tokeniser")
    parser.add_argument("--frames", type=int, default=100, help="of 64×64 px per density")
    parser.add_argument("--fields", type=int, default=3200, help="for the codes in use")
    args = parser.parse_args()
    tokenizer = load_model(args.model).network.tokenizer
    if tokenizer is None:
        raise SystemExit(f"the model {args.model} has no tokeniser")
    print("| per µm² | emitters | JI % | added error, codes | with continuous offsets |")
    print("|---|---|---|---|---|")
    with torch.inference_mode():
        for density in DENSITIES:
            truth = simulate("2d-scmos", density, args.frames, 64, SEED, 22).truth
            found = [
                evaluate(through_codes(tokenizer, truth, continuous), truth, resamples=0)
                for continuous in (False, True)
            ]
            print(
                f"| {density:g} | {len(truth)} | {found[0].jaccard:.2f} | "
                f"{found[0].rmse:.2f} nm | {found[1].rmse:.2f} nm |"
            )
    use = measure_tokenizer(tokenizer, fields=args.fields)
    for k, share in enumerate(use["in_use"]):
        codes = tokenizer.quantizer.codes.size(k)
        print(f"scale {k}: {100 * share:.1f} % of {codes} codes in use")
    print(f"(of {use['cells']} cells; a code that is not seen in them counts as unused)")


if __name__ == "__main__":
    main()
