"""A shopper and an admin, over HTTP, with Saleor's own mutations. Shared by demo and tests."""

import email
import email.policy
import json
import time
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

T = TypeVar("T")
ENOUGH = 20
ADMIN_TOKEN_SECONDS = 120.0

ADDRESS = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "streetAddress1": "2000 Main Street",
    "city": "Huntington Beach",
    "postalCode": "92648",
    "country": "US",
    "countryArea": "CA",
}


class Refused(Exception):
    """The API answered with errors."""


class Shop:
    """A Saleor's GraphQL endpoint, and the folder where its mails arrive."""

    def __init__(self, url: str, mail_folder: Path) -> None:
        self.url = url
        self.mail_folder = mail_folder
        self._admin = ""
        self._admin_since = -ADMIN_TOKEN_SECONDS

    def ask(
        self, document: str, variables: Optional[Dict[str, Any]] = None, token: str = ""
    ) -> Any:
        """Send a document and return its data.

        Raises:
            Refused: GraphQL errors, or `errors` of a mutation.

        """
        answer = self.answer(document, variables, token)
        if answer.get("errors"):
            raise Refused(json.dumps(answer["errors"][0]["message"]))
        for value in (answer["data"] or {}).values():
            if isinstance(value, dict) and value.get("errors"):
                raise Refused(json.dumps(value["errors"]))
        return answer["data"]

    def answer(
        self, document: str, variables: Optional[Dict[str, Any]] = None, token: str = ""
    ) -> Dict[str, Any]:
        """Send a document and return the whole answer."""
        body = json.dumps({"query": document, "variables": variables or {}}).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = Request(f"{self.url}/graphql/", body, headers)
        try:
            with urlopen(request, timeout=60) as response:
                return json.load(response)
        except HTTPError as error:
            return json.load(error)

    def status(self, path: str) -> int:
        """Return the HTTP status of a GET."""
        try:
            with urlopen(f"{self.url}{path}", timeout=60) as response:
                return int(response.status)
        except HTTPError as error:
            return error.code

    def log_in(self, address: str, password: str) -> str:
        """Return a token for an account; where many log in at once, Saleor has them wait."""
        return until(lambda: self._log_in(address, password), within=30, what="the login")

    def _log_in(self, address: str, password: str) -> str:
        answer = self.answer(
            """mutation($email: String!, $password: String!) {
              tokenCreate(email: $email, password: $password) {
                token errors { field message code } } }""",
            {"email": address, "password": password},
        )
        created = (answer.get("data") or {}).get("tokenCreate") or {}
        errors = answer.get("errors") or created.get("errors")
        if errors and errors[0].get("code") != "LOGIN_ATTEMPT_DELAYED":
            raise Refused(json.dumps(errors))
        return str(created.get("token") or "")

    @property
    def admin(self) -> str:
        """A token of the superuser, renewed before it expires."""
        if time.monotonic() - self._admin_since >= ADMIN_TOKEN_SECONDS:
            self._admin = self.log_in("admin@example.com", "admin")
            self._admin_since = time.monotonic()
        return self._admin

    def mails_to(self, address: str) -> List[EmailMessage]:
        """Return the mails that arrived for an address, in order."""
        found = []
        for path in sorted(self.mail_folder.glob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(message["To"]):
                found.append(message)
        return found


def until(look: Callable[[], T], *, within: float = 60.0, what: str = "it") -> T:
    """Look again and again until something true is seen, and return it.

    Raises:
        Refused: it did not happen in time.

    """
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Refused(f"{what} did not happen within {within:.0f} s")
        time.sleep(0.3)


def switch_plugin(shop: Shop, *, on: bool) -> None:
    """Switch the plugin on or off, as staff do in the Dashboard."""
    shop.ask(
        """mutation($active: Boolean!) {
          pluginUpdate(id: "saleor.loyalty", input: {active: $active, configuration: [
              {name: "storefront_url", value: "https://aurora.example/"}]}) {
            plugin { globalConfiguration { active } }
            errors { field message code } } }""",
        {"active": on},
        shop.admin,
    )


def channel(shop: Shop) -> Dict[str, Any]:
    """Return the channel of the sample data that the journeys use."""
    channels = shop.ask("{ channels { id slug currencyCode } }", token=shop.admin)["channels"]
    return next(one for one in channels if one["slug"] == "default-channel")


def set_up_program(shop: Shop) -> Dict[str, Any]:
    """Switch the plugin on and create a programme: 10 Stars a dollar, worth a cent each."""
    switch_plugin(shop, on=True)
    shop.ask(
        """mutation { shopSettingsUpdate(input: {enableAccountConfirmationByEmail: false}) {
          errors { field message code } } }""",
        token=shop.admin,
    )
    served = channel(shop)
    data = shop.ask(
        """mutation($input: LoyaltyProgramInput!) {
          loyaltyProgramCreate(input: $input) {
            loyaltyProgram { id name pointsName rates { currency pointsPerUnit } }
            errors { field message code } } }""",
        {
            "input": {
                "name": "Aurora Club",
                "pointsName": "Stars",
                "timeZone": "America/Los_Angeles",
                "channels": [served["id"]],
                "priceBasis": "GROSS",
                "rates": [
                    {
                        "currency": served["currencyCode"],
                        "pointsPerUnit": 10,
                        "pointValue": 0.01,
                    }
                ],
            }
        },
        shop.admin,
    )
    return dict(data["loyaltyProgramCreate"]["loyaltyProgram"])


def add_rule(shop: Shop, program_id: str, **values: Any) -> str:
    """Add an earning rule to a programme and return its id."""
    data = shop.ask(
        """mutation($program: ID!, $input: LoyaltyEarningRuleInput!) {
          loyaltyEarningRuleCreate(program: $program, input: $input) {
            earningRule { id } errors { field message code } } }""",
        {"program": program_id, "input": values},
        shop.admin,
    )
    return str(data["loyaltyEarningRuleCreate"]["earningRule"]["id"])


def add_tier(shop: Shop, program_id: str, **values: Any) -> Dict[str, Any]:
    """Add a tier on top of a programme's ladder and return its id and slug."""
    data = shop.ask(
        """mutation($program: ID!, $input: LoyaltyTierInput!) {
          loyaltyTierCreate(program: $program, input: $input) {
            tier { id slug } errors { field code message } } }""",
        {"program": program_id, "input": values},
        shop.admin,
    )
    return dict(data["loyaltyTierCreate"]["tier"])


def make_event(shop: Shop, program_id: str, **values: Any) -> Dict[str, Any]:
    """Create an event, publish it, and return it with the link to its door."""
    data = shop.ask(
        """mutation($program: ID!, $input: LoyaltyEventInput!) {
          loyaltyEventCreate(program: $program, input: $input) {
            event { id } errors { field message code } } }""",
        {"program": program_id, "input": values},
        shop.admin,
    )
    data = shop.ask(
        """mutation($id: ID!) { loyaltyEventPublish(id: $id) {
          event { id title doorUrl } errors { field message code } } }""",
        {"id": data["loyaltyEventCreate"]["event"]["id"]},
        shop.admin,
    )
    return dict(data["loyaltyEventPublish"]["event"])


def join_event(shop: Shop, event_id: str, *, token: str) -> Dict[str, Any]:
    """Ask in to an event and return the invitation."""
    data = shop.ask(
        """mutation($event: ID!) { loyaltyEventJoin(eventId: $event) {
          invitation { answer code ticketUrl } errors { field message code } } }""",
        {"event": event_id},
        token,
    )
    return dict(data["loyaltyEventJoin"]["invitation"])


def check_in(shop: Shop, code: str) -> str:
    """Show a code at the door and return what it says."""
    data = shop.ask(
        """mutation($code: String!) { loyaltyEventCheckIn(code: $code) {
          door errors { field message code } } }""",
        {"code": code},
        shop.admin,
    )
    return str(data["loyaltyEventCheckIn"]["door"])


def register(shop: Shop, *, address: str, password: str, first_name: str) -> str:
    """Register a shopper and return their token."""
    shop.ask(
        """mutation($input: AccountRegisterInput!) {
          accountRegister(input: $input) { user { id } errors { field message code } } }""",
        {
            "input": {
                "email": address,
                "password": password,
                "firstName": first_name,
                "lastName": "Lovelace",
                "channel": "default-channel",
                "redirectUrl": "http://localhost/confirm",
                "languageCode": "EN",
            }
        },
    )
    return shop.log_in(address, password)


def variants(shop: Shop, count: int = 2) -> List[Dict[str, Any]]:
    """Return variants of the sample data that can be shipped and are in stock."""
    data = shop.ask(
        """{ products(first: 40, channel: "default-channel",
               filter: {stockAvailability: IN_STOCK, giftCard: false}) {
             edges { node { name productType { isShippingRequired }
               variants { id name quantityAvailable
                 pricing { price { gross { amount } } } } } } } }"""
    )
    found = []
    for edge in data["products"]["edges"]:
        product = edge["node"]
        if not product["productType"]["isShippingRequired"]:
            continue
        for variant in product["variants"]:
            price = variant["pricing"] and variant["pricing"]["price"]
            if price and price["gross"]["amount"] > 0 and variant["quantityAvailable"] >= ENOUGH:
                found.append({"id": variant["id"], "name": product["name"]})
                break
        if len(found) == count:
            return found
    raise Refused("the sample data have no variants to buy")


CHECKOUT = """id totalPrice { gross { amount currency } }
  subtotalPrice { gross { amount currency } }
  loyalty { pointsToEarn tierReached { name } program { name pointsName }
    breakdown { parts { name points } } }"""


def fill_checkout(
    shop: Shop,
    *,
    address: str,
    token: str = "",
    quantity: int = 2,
    language: str = "EN_US",
    promo_code: Optional[str] = None,
) -> Dict[str, Any]:
    """Fill a checkout with two products and choose how it is delivered."""
    data = shop.ask(
        f"""mutation($input: CheckoutCreateInput!) {{
          checkoutCreate(input: $input) {{
            checkout {{ {CHECKOUT} }} errors {{ field message code }} }} }}""",
        {
            "input": {
                "channel": "default-channel",
                "email": address,
                "languageCode": language,
                "shippingAddress": ADDRESS,
                "billingAddress": ADDRESS,
                "lines": [
                    {"variantId": variant["id"], "quantity": quantity} for variant in variants(shop)
                ],
            }
        },
        token,
    )
    checkout_id = data["checkoutCreate"]["checkout"]["id"]
    methods = shop.ask(
        "query($id: ID!) { checkout(id: $id) { shippingMethods { id price { amount } } } }",
        {"id": checkout_id},
        token,
    )["checkout"]["shippingMethods"]
    shop.ask(
        """mutation($id: ID!, $method: ID!) {
          checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) {
            errors { field message code } } }""",
        {"id": checkout_id, "method": methods[0]["id"]},
        token,
    )
    if promo_code:
        shop.ask(
            """mutation($id: ID!, $code: String!) {
              checkoutAddPromoCode(id: $id, promoCode: $code) {
                errors { field message code } } }""",
            {"id": checkout_id, "code": promo_code},
            token,
        )
    return dict(
        shop.ask(
            f"query($id: ID!) {{ checkout(id: $id) {{ {CHECKOUT} }} }}", {"id": checkout_id}, token
        )["checkout"]
    )


APPLIED = """checkout { id totalPrice { gross { amount currency } } voucherCode giftCards { id }
    loyalty { pointsToEarn applied { points amount { amount } means } redeemable { points } } }
  errors { field code message limits }"""


def apply_points(shop: Shop, checkout_id: str, points: int, *, token: str) -> Dict[str, Any]:
    """Let points pay for a checkout; return the checkout with its new total."""
    data = shop.ask(
        f"""mutation($id: ID!, $points: Int!) {{
          checkoutLoyaltyPointsApply(id: $id, points: $points) {{ limits {APPLIED} }} }}""",
        {"id": checkout_id, "points": points},
        token,
    )
    return dict(data["checkoutLoyaltyPointsApply"]["checkout"])


def remove_points(shop: Shop, checkout_id: str, *, token: str) -> Dict[str, Any]:
    """Take points off a checkout; return the checkout with its new total."""
    data = shop.ask(
        f"mutation($id: ID!) {{ checkoutLoyaltyPointsRemove(id: $id) {{ {APPLIED} }} }}",
        {"id": checkout_id},
        token,
    )
    return dict(data["checkoutLoyaltyPointsRemove"]["checkout"])


def update_spending(shop: Shop, program_id: str, **terms: Any) -> None:
    """Change how a programme lets points pay at checkout."""
    shop.ask(
        """mutation($id: ID!, $terms: LoyaltySpendingTermsInput!) {
          loyaltyProgramUpdate(id: $id, input: {spending: $terms}) {
            errors { field code message } } }""",
        {"id": program_id, "terms": terms},
        shop.admin,
    )


def cancel(shop: Shop, order_id: str) -> None:
    """Cancel an order, as staff do."""
    shop.ask(
        "mutation($id: ID!) { orderCancel(id: $id) { errors { field code message } } }",
        {"id": order_id},
        shop.admin,
    )


def pay(shop: Shop, checkout: Dict[str, Any], *, extra: Decimal = Decimal(0)) -> str:
    """Charge a checkout's total (and `extra` on top), as a payment app does.

    Returns:
        The transaction's id.

    """
    total = checkout["totalPrice"]["gross"]
    data = shop.ask(
        """mutation($id: ID!, $transaction: TransactionCreateInput!) {
          transactionCreate(id: $id, transaction: $transaction) {
            transaction { id } errors { field message code } } }""",
        {
            "id": checkout["id"],
            "transaction": {
                "name": "Card",
                "pspReference": f"psp-{time.time_ns()}",
                "availableActions": ["REFUND"],
                "amountCharged": {
                    "amount": float(Decimal(str(total["amount"])) + extra),
                    "currency": total["currency"],
                },
            },
        },
        shop.admin,
    )
    return str(data["transactionCreate"]["transaction"]["id"])


ORDER = """id number status total { gross { amount currency } }
  subtotal { gross { amount } } lines { productName quantity }"""


def complete(shop: Shop, checkout: Dict[str, Any], *, token: str = "") -> Dict[str, Any]:
    """Complete a checkout and return the order."""
    data = shop.ask(
        f"""mutation($id: ID!) {{ checkoutComplete(id: $id) {{
          order {{ {ORDER} }} errors {{ field message code }} }} }}""",
        {"id": checkout["id"]},
        token,
    )
    return dict(data["checkoutComplete"]["order"])


def refund(shop: Shop, transaction_id: str, *, amount: Decimal, currency: str = "USD") -> None:
    """Report that an amount was refunded, as a payment app does."""
    shop.ask(
        """mutation($id: ID!, $amount: PositiveDecimal!, $reference: String!) {
          transactionEventReport(id: $id, type: REFUND_SUCCESS, amount: $amount,
              pspReference: $reference, availableActions: [REFUND]) {
            errors { field message code } } }""",
        {
            "id": transaction_id,
            "amount": float(amount),
            "reference": f"refund-{time.time_ns()}",
        },
        shop.admin,
    )


ME = """{ me { metafield(key: "loyalty.tier") loyalty {
  tier { name until isGrace } nextTier { tier { name } missing { points } progress }
  program { name pointsName } joinedAt
  balance { availablePoints debtPoints value(currency: "USD") { amount currency } }
  entries(first: 20) { totalCount edges { node {
    points reason orderNumber note breakdown {
      merchandise { amount } pointsPerUnit earnedPoints returnedPoints } } } } } } }"""


def status_of(shop: Shop, token: str) -> Optional[Dict[str, Any]]:
    """Return what a storefront shows of a shopper's membership; None when not a member."""
    found = shop.ask(ME, token=token)["me"]["loyalty"]
    return dict(found) if found else None


def balance_of(shop: Shop, token: str) -> Optional[int]:
    """Return a shopper's available points; None when not a member."""
    found = status_of(shop, token)
    return int(found["balance"]["availablePoints"]) if found else None
