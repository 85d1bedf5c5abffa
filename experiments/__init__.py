"""Experiments: what was measured of the method, and the commands that measure it.

The product does not import this package, and the container does not contain it.

    ablation            adaptations compared on annotated fields
    left_out_domains    the same on domains that the network has not seen
    evidence            what must be shown of the default, by one command
    benchmark           time and memory beside the plain version of the paper's method
    calibrations        label-free ways of measuring the level of an image's scores
    candidate_search    settings for candidates
    guard_limits        what the guard's limits stop
    diagnostics         plots of what an adaptation did
    seam                a control of the data
    adaptations/        controls, and adaptations that lost
    LOG.md              the history of everything that was tried
"""
