"""What the figures in a report can tell, and what not."""

from __future__ import annotations

from truevar.view.report.section import Section, Told, listed, paragraphs


def judging_section(told: Told) -> Section:
    """How to judge a result, for who has not seen many."""
    text = paragraphs(
        "Nothing on this page has been compared with a truth: it is what the model says of this "
        "movie. What you can look at:"
    )
    text += listed(
        [
            "<strong>Frames.</strong> Every spot should have one ring, and every ring a spot. "
            "Spots without rings are missed; two rings on a round spot may be a duplicate; a ring "
            "in several frames running at one place on nothing is a hot pixel.",
            "<strong>Photons and background.</strong> Do they fit the dye and the illumination? A "
            "factor of two off usually means that the camera's numbers are.",
            "<strong>Precision is not resolution.</strong> It says how well one emitter is placed. "
            "What can be told apart depends as well on how densely the structure is labelled, on "
            "drift, and on the size of the label. It is the model's own word: trust it for movies "
            "like those it was trained on (simulated 2D spots in focus; <code>truevar info</code> "
            "says which), less beyond.",
            "<strong>Emitters per frame</strong> should change slowly. A step is a change of "
            "illumination, focus or buffer. Where spots overlap in most frames, more is missed and "
            "positions are drawn towards each other.",
            "<strong>Brightness counts localisations</strong>, not molecules: one that blinks "
            "often is as bright as many. Clusters may be nothing else; link the table before "
            "counting.",
        ]
    )
    text += paragraphs(
        "If something here will carry a conclusion, localise a simulated movie of the same "
        "brightness and density (<code>truevar simulate</code>, <code>truevar evaluate</code>), or "
        "a structure whose shape is known, and see what comes out."
    )
    return Section("judging", "How to judge it", text)
