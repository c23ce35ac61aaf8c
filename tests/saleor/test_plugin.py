from saleor_loyalty.orders.models import DueOrder, SettledOrder
from saleor_loyalty.members.models import Member


def test_smoke(program, manager, order_with_lines, customer_user, django_capture_on_commit_callbacks):
    order = order_with_lines
    order.total_charged_amount = order.total_gross_amount
    order.charge_status = "full"
    order.save()
    with django_capture_on_commit_callbacks(execute=True):
        manager.order_fully_paid(order)
    print(list(SettledOrder.objects.values()), list(Member.objects.values()), DueOrder.objects.count())
    from saleor_loyalty.emails.models import EmailMessage
    print(EmailMessage.objects.values())
    from django.core import mail
    print(mail.outbox)


def test_schema():
    from saleor.graphql.api import schema
    s = str(schema)
    open("/tmp/schema.graphql", "w").write(s)
    assert "loyaltyProgram(" in s
