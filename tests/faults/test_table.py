"""The list of faults is complete, and what it names is there."""

import re
from pathlib import Path

from table import FAULTS

ROOT = Path(__file__).parents[2]


def test_every_fault_of_the_list_is_there_once() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 49))


def test_a_fault_is_played_or_shown_elsewhere_or_cannot_happen() -> None:
    for fault in FAULTS:
        shown = bool(fault.variants) or (bool(fault.proofs) and all(fault.told))
        assert shown != bool(fault.absent), fault


def test_every_proof_exists() -> None:
    for fault in FAULTS:
        for proof in fault.proofs:
            file, _, test = proof.partition("::")
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not test or re.search(rf"^(async )?def {test}\(", text, re.MULTILINE), f"{fault}: {proof}"


def test_no_two_variants_of_a_fault_are_the_same() -> None:
    for fault in FAULTS:
        names = list(map(str, fault.variants))
        assert len(set(names)) == len(names), fault
