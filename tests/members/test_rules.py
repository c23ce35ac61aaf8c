import pytest

from saleor_loyalty.members.rules import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.com", "a***@example.com"),
        ("a@example.com", "a***@example.com"),
        ('"a@b"@example.com', '"***@example.com'),
        ("@example.com", "***@example.com"),
        ("nobody", ""),
        ("", ""),
    ],
)
def test_an_address_is_masked(address, shown):
    assert masked(address) == shown
