import pytest

from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind

SHOP = ShopIdentity(name="Aurora Coffee", url="https://aurora.example/")
FACTS = {
    "first_name": "Ada",
    "program_name": "Aurora Club",
    "points_name": "",
    "order_number": "41",
    "ordered_on": "2026-11-21",
    "lines": [{"name": "Monkey mug", "variant_name": "Large", "quantity": 2, "total": "40.00"}],
    "currency": "EUR",
    "shipping": "5.00",
    "total": "45.00",
    "points_earned": 1200,
    "points_balance": 1500,
    "balance_value": "15.00",
}


def test_thank_you():
    r = render(kind=EmailKind.THANK_YOU, language_code="hr", facts=FACTS, shop=SHOP)
    print(r.subject); print(r.text)
    open("/tmp/mail.html", "w").write(r.html)
