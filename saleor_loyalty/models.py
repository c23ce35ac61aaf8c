"""An index of the models, for Django. Each model lives in its feature's room."""

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import DueOrder, OrderSweep, SettledOrder
from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.programs.models import EarningRate, Program, ProgramChannel, ProgramPeriod

__all__ = [
    "Balance",
    "DueOrder",
    "EarningRate",
    "EmailMessage",
    "Entry",
    "Member",
    "OrderSweep",
    "Program",
    "ProgramChannel",
    "ProgramPeriod",
    "SettledOrder",
]
