"""A process that localises chunks for another one: ``python -m truevar.inference.worker``.

It is told on stdin what to do, and answers on stdout; both in pickles. It ends when whoever started
it does.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any

from truevar.errors import UserError

BATCH, DONE, REFUSED, FAILED = "batch", "done", "refused", "failed"
"""Kinds of answers: (frames, emitters) of a batch; a chunk; a ``UserError``; what else was raised,
as text."""


def main() -> None:
    """Do as stdin says: a job, and then chunks of frames."""
    asked = sys.stdin.buffer
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(kind: str, *what: Any) -> None:
        pickle.dump((kind, *what), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    try:
        threads, job = pickle.load(asked), None
        import torch

        from truevar.device import keep_freed_memory

        torch.set_num_threads(threads)
        keep_freed_memory()
        while True:
            try:
                job = job or pickle.load(asked)
                frames = pickle.load(asked)
                answer(DONE, job.localize(frames, lambda *batch: answer(BATCH, *batch)))
            except UserError as error:
                answer(REFUSED, error)
            except (EOFError, OSError):
                raise
            except Exception as error:
                answer(FAILED, f"{type(error).__name__}: {error}")
    except (EOFError, OSError):  # the other one is gone
        return


if __name__ == "__main__":
    main()
