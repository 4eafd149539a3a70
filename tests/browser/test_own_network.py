"""A reader brings a network: from the upload to its figures and back, and what cannot be used is said kindly."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from playwright.sync_api import expect
from torch import nn

SLUG = "your-own-network"


def two_layers() -> bytes:
    torch.manual_seed(0)
    return safetensors.torch.save(
        {f"enc.{name}": one for name, one in nn.LSTM(2, 6, num_layers=2).state_dict().items()}
    )


def test_a_reader_brings_a_network_sees_it_and_takes_the_example_back(open_page, tmp_path: Path):
    file, bad = tmp_path / "mine.safetensors", tmp_path / "bad.safetensors"
    file.write_bytes(two_layers())
    bad.write_bytes(b"PK\x03\x04 and then nothing")
    tab = open_page(f"?section={SLUG}")
    section = tab.page.locator(f".st-key-section-{SLUG}")
    expect(section).to_contain_text("The example, layer 0")
    expect(tab.page.locator(".st-key-own-measure button")).to_be_disabled()

    upload = tab.page.locator(".st-key-own-after input[type=file]")
    upload.set_input_files(bad)
    expect(section.get_by_role("alert")).to_contain_text("This archive is damaged")
    upload.set_input_files(file)
    expect(section).to_contain_text("Found enc: LSTM, 2 → 6, 2 layers.")
    expect(section.get_by_role("alert")).to_have_count(0)

    chart = tab.charts(SLUG).first
    before = tab.drawing(chart)
    tab.page.locator(".st-key-own-measure button").click()
    expect(section).to_contain_text("mine.safetensors, layer 0, LSTM of 6 units")
    tab.wait_until_redrawn(tab.charts(SLUG).first, before)
    expect(section).to_contain_text("At lag 100: is more")
    assert "mine" not in tab.page.url  # a link holds no file

    other = open_page(f"?section={SLUG}")
    expect(other.page.locator(f".st-key-section-{SLUG}")).to_contain_text("The example, layer 0")

    tab.page.locator(".st-key-own-example button").click()
    expect(section).to_contain_text("The example, layer 0")
