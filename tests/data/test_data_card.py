"""The streets' card says what their labels hold."""

import numpy as np

from cirkd.data.catalog import open_data
from tools.data_card import BEGIN, END, FOLDER, table


def test_the_card_is_of_the_manifest_and_the_manifest_of_the_labels() -> None:
    card = (FOLDER / "README.md").read_text()
    assert card.split(BEGIN)[1].split(END)[0].strip() == table()
    val = open_data("streets", "val")
    assert val.classes is not None
    counts = sum(np.bincount(val[i].label.ravel(), minlength=256) for i in range(len(val)))
    shares = 100 * counts / counts.sum()
    for number, name in enumerate(val.classes.names):
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {name} |")]
        assert row.split("|")[3].strip() == f"{shares[number]:.2f} %"
