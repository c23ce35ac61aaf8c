"""Named database constraints that read the same on every Django we run on."""

import django
from django.db import models


def check(*, name: str, condition: models.Q) -> models.CheckConstraint:
    """Return a check constraint; Django 5.1 renamed its argument (3.21 of Saleor has 4.2)."""
    if django.VERSION >= (5, 1):
        return models.CheckConstraint(name=name, condition=condition)
    return models.CheckConstraint(name=name, check=condition)
