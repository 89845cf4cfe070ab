"""The quick form of adversarial training; PGD defeats natural training."""

import re
import sys

import pytest

from benchmarks.published import adversarial


@pytest.mark.thorough
def test_the_quick_command_prints_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = adversarial.KEPT.read_bytes()
    monkeypatch.setattr(sys, "argv", ["adversarial", "--quick", "--seeds", "1"])
    adversarial.main()
    printed = capsys.readouterr().out
    rows = re.findall(r"^\| ([^|]+) \| 0 \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", printed, re.MULTILINE)
    found = {name: tuple(map(float, numbers)) for name, *numbers in rows}
    assert list(found) == list(adversarial.MODELS)
    assert all(clean > 80 and clean >= fgsm >= pgd for clean, fgsm, pgd in found.values())
    assert all(found[name][2] > found["natural"][2] + 20 for name in found if name != "natural")
    assert "| ours, natural, 1 seed |" in printed and "| Wong et al. (arXiv:2001.03994) |" in printed
    assert adversarial.KEPT.read_bytes() == kept  # a quick run is no measurement


def test_seeds_are_summarised_with_their_spread() -> None:
    assert adversarial._spread((1.0, 3.0)) == "2.00 ± 1.41 (1.00 to 3.00)" and adversarial._spread((1.0,)) == "1.00"
