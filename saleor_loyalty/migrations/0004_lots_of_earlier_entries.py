"""Gives the points that were awarded before there were lots a lot: one a member, never expiring.

Also lets rows that change often stay on their page.
"""

from django.db import migrations

FORWARDS = """
ALTER TABLE saleor_loyalty_entry DISABLE TRIGGER saleor_loyalty_entry_no_change;
INSERT INTO saleor_loyalty_lot (
    program_id, member_id, order_id, pending, available, held, expired, earned_at, notice_days
)
SELECT entry.program_id, entry.member_id, '', 0, balance.available, 0, 0,
    min(entry.effective_at), 0
FROM saleor_loyalty_entry AS entry
JOIN saleor_loyalty_balance AS balance USING (member_id)
WHERE 'available' IN (entry.source, entry.target) AND entry.lot_id IS NULL
GROUP BY entry.program_id, entry.member_id, balance.available;
UPDATE saleor_loyalty_entry AS entry SET lot_id = lot.id
FROM saleor_loyalty_lot AS lot
WHERE lot.member_id = entry.member_id
    AND 'available' IN (entry.source, entry.target) AND entry.lot_id IS NULL;
UPDATE saleor_loyalty_entry SET is_qualifying = true WHERE order_id <> '';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE saleor_loyalty_entry ENABLE TRIGGER saleor_loyalty_entry_no_change;
"""

FILLFACTORS = """
ALTER TABLE saleor_loyalty_balance SET (fillfactor = 70);
ALTER TABLE saleor_loyalty_lot SET (fillfactor = 80);
"""
FULL = """
ALTER TABLE saleor_loyalty_balance RESET (fillfactor);
ALTER TABLE saleor_loyalty_lot RESET (fillfactor);
"""


class Migration(migrations.Migration):
    """Fills the new columns of what was there."""

    dependencies = [("saleor_loyalty", "0003_lots_holds_rules")]

    operations = [
        migrations.RunSQL(FORWARDS, migrations.RunSQL.noop),
        migrations.RunSQL(FILLFACTORS, FULL),
    ]
