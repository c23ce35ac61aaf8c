"""The database itself refuses to change the ledger's entries."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION saleor_loyalty_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries are immutable: % refused on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Write a correcting entry instead.';
END
$$;
CREATE TRIGGER saleor_loyalty_entry_no_change
    BEFORE UPDATE OR DELETE ON saleor_loyalty_entry
    FOR EACH ROW EXECUTE FUNCTION saleor_loyalty_refuse_change();
CREATE TRIGGER saleor_loyalty_entry_no_truncate
    BEFORE TRUNCATE ON saleor_loyalty_entry
    FOR EACH STATEMENT EXECUTE FUNCTION saleor_loyalty_refuse_change();
"""

ALLOW = """
DROP TRIGGER saleor_loyalty_entry_no_truncate ON saleor_loyalty_entry;
DROP TRIGGER saleor_loyalty_entry_no_change ON saleor_loyalty_entry;
DROP FUNCTION saleor_loyalty_refuse_change();
"""


class Migration(migrations.Migration):
    """Adds the triggers."""

    dependencies = [("saleor_loyalty", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
