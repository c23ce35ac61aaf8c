"""Purchase histories and drafts for tests, with plain defaults."""

import json
from datetime import UTC, datetime

from saleor_loyalty.replay.history import read_history

TODAY = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
TWO_YEARS = "customer,time,amount\nada,2024-01-10,100\nbob,2024-02-10,10.50\nada,2025-03-10,50\n"


def history_file(folder, text, *, name="history.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def history(folder, text, **values):
    defaults = {"time_zone": "UTC", "now": TODAY, "currency": "USD"}
    return read_history(history_file(folder, text), **{**defaults, **values})


def draft_data(**values):
    """A programme of 10 points a dollar, worth a cent each."""
    rates = [{"currency": "USD", "points_per_unit": "10", "point_value": "0.01"}]
    return {"name": "Draft", "rates": rates, **values}


def draft_file(folder, name="draft.json", **values):
    path = folder / name
    path.write_text(json.dumps(draft_data(**values)))
    return path
