"""The released scanner branch: source domains and the target."""

from __future__ import annotations

import torch

from model.network import MitosisNetwork
from test.builders import rendered_samples
from training.scanner_branch import network_for, with_source_domains


def test_one_unlabelled_domain_uses_the_target_s_logit() -> None:
    samples = rendered_samples()
    assert network_for(samples).source_domains == 2
    samples.unlabelled_domains = ["tcga"]
    assert network_for(samples).source_domains == 2
    samples.unlabelled_domains = ["tcga_18", "tcga_21", "tcga_2z"]
    assert network_for(samples).source_domains == 4, "five logits"


def test_the_released_network_has_the_source_domains_and_their_mean_as_target() -> None:
    torch.manual_seed(0)
    trained = MitosisNetwork(4).eval()
    assert with_source_domains(trained, 4) is trained
    released = with_source_domains(trained, 2).eval()
    patches = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        before, after = trained(patches), released(patches)
    torch.testing.assert_close(after.mitosis, before.mitosis)
    torch.testing.assert_close(after.scanner[:, :2], before.scanner[:, :2])
    torch.testing.assert_close(after.scanner[:, 2], before.scanner[:, 2:].mean(dim=1))
