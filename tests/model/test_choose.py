import torch

from truevar.model.choose import choose_parents
from truevar.model.scale_output import ScaleOutput
from truevar.model.splits import SplitTable


def output_of(prob_R):
    """One frame's cells in a row, with these probabilities of holding an emitter."""
    prob_R = torch.as_tensor(prob_R)
    R = len(prob_R)
    blank = torch.zeros(R)
    return ScaleOutput(
        cell=1.0,
        grid=(1, R),
        splits=SplitTable(1, 1),
        crop_G=torch.zeros(R, dtype=torch.long),
        row_R=torch.zeros(R, dtype=torch.long),
        col_R=torch.arange(R),
        log_split_GK=torch.zeros(R, 2),
        count_R4=torch.stack([1 - prob_R, prob_R, blank, blank], 1),
        mean_R=prob_R,
        **dict.fromkeys(
            ("x_R", "y_R", "sigma_x_R", "sigma_y_R", "log_photons_R", "log_bg_R"), blank
        ),
        sigma_log_photons_R=blank,
    )


def nothing_kept(output):
    return torch.zeros(1, *output.grid, dtype=torch.bool)


def test_cells_above_the_threshold_are_parents_in_use_and_in_training():
    output = output_of([0.0, 0.2, 0.5, 0.05, 0.99])
    for keep_Bhw in (None, nothing_kept(output)):
        assert choose_parents(output, keep_Bhw, 0.1, None).tolist() == [1, 2, 4]
        assert choose_parents(output, keep_Bhw, 1.1, None).tolist() == []
        assert choose_parents(output, keep_Bhw, 0.0, None).tolist() == [0, 1, 2, 3, 4]


def test_kept_cells_are_always_parents():
    output = output_of([0.0, 0.001, 0.5, 0.0])
    keep_Bhw = nothing_kept(output)
    keep_Bhw[0, 0, [0, 1]] = True
    assert choose_parents(output, keep_Bhw, 0.3, None).tolist() == [0, 1, 2]


def test_there_are_at_most_so_many_the_likeliest_and_all_kept_ones():
    output = output_of(torch.linspace(0.2, 0.9, 1000))
    keep_Bhw = nothing_kept(output)
    keep_Bhw[0, 0, :10] = True
    assert choose_parents(output, keep_Bhw, 0.1, 50).tolist() == [*range(10), *range(960, 1000)]
    assert choose_parents(output, keep_Bhw, 0.1, 5).tolist() == [*range(10)]


def test_numbers_are_filled_up_to_whole_steps_with_the_next_likely_cells():
    prob_R = torch.linspace(0.0, 0.05, 3000)
    prob_R[:600] = 0.5
    output = output_of(prob_R)
    chosen_G = choose_parents(output, nothing_kept(output), 0.1, 2000)
    assert chosen_G.tolist() == [*range(600), *range(3000 - 424, 3000)]
    # Never more than the bound, or than there are.
    assert len(choose_parents(output, nothing_kept(output), 0.1, 350)) == 350
    few = output_of(prob_R[:650])
    assert len(choose_parents(few, nothing_kept(few), 0.1, 2000)) == 650


def test_the_choice_takes_no_gradient():
    prob_R = torch.full((4,), 0.5, requires_grad=True)
    output = output_of([0.5] * 4)
    object.__setattr__(output, "count_R4", torch.stack([1 - prob_R, prob_R], 1))
    assert not choose_parents(output, nothing_kept(output), 0.1, 2).requires_grad
