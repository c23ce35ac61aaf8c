"""The statements of an import: what was read, who it is for, and what is new of it.

All on temporary tables, a step a statement, so that a million lines take no more of them than ten.
"""

from saleor_loyalty.flows.claim_members import confirmed_accounts
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Balance, Entry, Lot

TABLES = ("row", "keyed", "bad", "fresh", "person", "day", "ready")
DROP = f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.loyalty_import_{name}' for name in TABLES)}"

# A million lines are sorted in memory; for this transaction only.
SET_UP = "SET LOCAL work_mem = '128MB'"
CREATE = """
CREATE TEMP TABLE loyalty_import_row (
  line bigint, external_id text, email text, points bigint, earned_on date, expires_on date,
  is_never boolean, source text
) ON COMMIT DROP;
CREATE TEMP TABLE loyalty_import_bad (
  line bigint, column_name text, code text, problem text
) ON COMMIT DROP;
CREATE TEMP TABLE loyalty_import_day (
  day date, starts_at timestamptz, ends_at timestamptz, policy_expires_at timestamptz
) ON COMMIT DROP
"""
COPY_ROWS = (
    "COPY loyalty_import_row"
    " (line, external_id, email, points, earned_on, expires_on, is_never, source) FROM STDIN"
)

# A line's key: who, when, how many, until when, and which of several such lines it is. It comes
# from the file alone, so that it stays the same whatever became of the member since. The date
# comes first, so that keys are written in order, which an index likes.
KEYED = """
CREATE TEMP TABLE loyalty_import_keyed ON COMMIT DROP AS
SELECT line, external_id, email, points, earned_on, expires_on, is_never, source,
  occurrence, first_line,
  'opening:' || to_char(earned_on, 'YYYY-MM-DD') || ':' || encode(sha256(convert_to(
    json_build_array(who, until, points, occurrence)::text, 'UTF8')), 'hex') AS key
FROM (
  SELECT named.*, row_number() OVER same AS occurrence, min(line) OVER same AS first_line
  FROM (
    SELECT *,
      (CASE WHEN external_id <> '' THEN 'id:' || external_id ELSE 'email:' || email END)
        COLLATE "C" AS who,
      CASE WHEN is_never THEN 'never' ELSE coalesce(to_char(expires_on, 'YYYY-MM-DD'), '') END
        AS until
    FROM loyalty_import_row
  ) AS named
  WINDOW same AS (PARTITION BY who, earned_on, until, points ORDER BY line)
) AS counted
"""

BAD_TWICE = """
INSERT INTO loyalty_import_bad
SELECT line, '', 'line_twice', 'says the same as line ' || first_line
FROM loyalty_import_keyed WHERE occurrence > 1
"""
BAD_ADDRESSES = """
WITH pair AS (
  SELECT DISTINCT email, external_id FROM loyalty_import_row
  WHERE email <> '' AND external_id <> ''
), shared AS (
  SELECT email FROM pair GROUP BY email HAVING count(*) > 1
), moved AS (
  SELECT external_id FROM pair GROUP BY external_id HAVING count(*) > 1
)
INSERT INTO loyalty_import_bad
SELECT line, 'email', 'address_of_several', email || ' belongs to several external_ids in the file'
FROM loyalty_import_row JOIN shared USING (email)
UNION ALL
SELECT line, 'external_id', 'several_addresses', external_id || ' has several addresses in the file'
FROM loyalty_import_row JOIN moved USING (external_id)
"""

# What is new, and whose it is: an address that stands beside an external_id somewhere in the file
# means that member everywhere.
FRESH = f"""
CREATE TEMP TABLE loyalty_import_fresh ON COMMIT DROP AS
WITH pair AS (
  SELECT email, max(external_id) AS external_id FROM loyalty_import_row
  WHERE email <> '' AND external_id <> '' GROUP BY email
)
SELECT keyed.*,
  (CASE WHEN keyed.external_id <> '' THEN 'id:' || keyed.external_id
    ELSE coalesce('id:' || pair.external_id, 'email:' || keyed.email) END) COLLATE "C" AS who
FROM loyalty_import_keyed AS keyed
LEFT JOIN pair ON pair.email = keyed.email
WHERE NOT EXISTS (SELECT 1 FROM loyalty_import_bad AS bad WHERE bad.line = keyed.line)
  AND NOT EXISTS (
    SELECT 1 FROM {Entry._meta.db_table} AS entry
    WHERE entry.program_id = %(program)s AND entry.idempotency_key = keyed.key AND entry.leg = 0
  )
"""


def match_people() -> str:
    """Return the statement that finds the members of those in the file.

    By external_id, else by the confirmed account with the address, else by the address of an
    import that nobody claimed yet. A merged member is the one it lives on in.
    """
    member = Member._meta.db_table
    return f"""
    CREATE TEMP TABLE loyalty_import_person ON COMMIT DROP AS
    WITH person AS (
      SELECT who, max(external_id) AS external_id, max(email) AS email, min(earned_on) AS since
      FROM loyalty_import_fresh GROUP BY who
    ), account AS (
      SELECT min(id) AS id, email FROM ({confirmed_accounts()}) AS confirmed
      WHERE email IN (SELECT email FROM person) GROUP BY email HAVING count(*) = 1
    ), found AS (
      SELECT person.*, account.id AS user_id,
        coalesce(by_id.merged_into_id, by_id.id) AS named_id,
        by_id.user_id IS NULL AND by_id.email = person.email AS is_own_address,
        coalesce(by_account.merged_into_id, by_account.id, by_email.merged_into_id, by_email.id)
          AS addressed_id
      FROM person
      LEFT JOIN {member} AS by_id ON by_id.program_id = %(program)s
        AND by_id.external_id = person.external_id AND person.external_id <> ''
      LEFT JOIN account ON account.email = person.email
      LEFT JOIN {member} AS by_account ON by_account.program_id = %(program)s
        AND by_account.user_id = account.id
      LEFT JOIN {member} AS by_email ON by_email.program_id = %(program)s
        AND by_email.email = person.email AND person.email <> '' AND by_email.user_id IS NULL
    )
    SELECT found.*, coalesce(named_id, addressed_id) AS member_id,
      named_id <> addressed_id AND NOT is_own_address AS is_of_another,
      named_id IS NULL AND found.external_id <> '' AND addressed.external_id <> ''
        AS is_named_otherwise
    FROM found LEFT JOIN {member} AS addressed ON addressed.id = found.addressed_id
    """


BAD_PEOPLE = """
INSERT INTO loyalty_import_bad
SELECT line, 'email', 'address_of_another', person.email || ' belongs to another member'
FROM loyalty_import_fresh AS fresh JOIN loyalty_import_person AS person USING (who)
WHERE is_of_another
UNION ALL
SELECT line, 'external_id', 'external_id_of_another',
  person.email || ' belongs to a member with another external_id'
FROM loyalty_import_fresh AS fresh JOIN loyalty_import_person AS person USING (who)
WHERE is_named_otherwise
"""
DROP_BAD_PEOPLE = """
DELETE FROM loyalty_import_fresh AS fresh USING loyalty_import_person AS person
WHERE fresh.who = person.who AND (is_of_another OR is_named_otherwise);
DELETE FROM loyalty_import_person WHERE is_of_another OR is_named_otherwise
"""
BAD_LINES = """
SELECT line, column_name, code, problem FROM loyalty_import_bad ORDER BY line, code
"""

# What a report tells.
COUNT_ROWS = """
SELECT (SELECT count(DISTINCT line) FROM loyalty_import_bad),
  (SELECT count(*) FROM loyalty_import_fresh),
  (SELECT coalesce(sum(points), 0)::bigint FROM loyalty_import_fresh)
"""
COUNT_PEOPLE = """
SELECT count(*) FILTER (WHERE member_id IS NOT NULL),
  count(*) FILTER (WHERE member_id IS NULL AND user_id IS NOT NULL),
  count(*) FILTER (WHERE member_id IS NULL AND user_id IS NULL)
FROM loyalty_import_person
"""
POINTS_BY_DATE = """
SELECT is_never, expires_on, earned_on, sum(points)::bigint FROM (
  SELECT is_never, expires_on, points,
    CASE WHEN expires_on IS NULL AND NOT is_never THEN earned_on END AS earned_on
  FROM loyalty_import_fresh
) AS dated GROUP BY 1, 2, 3
"""
DAYS = """
SELECT earned_on FROM loyalty_import_fresh UNION SELECT since FROM loyalty_import_person
UNION SELECT expires_on FROM loyalty_import_fresh WHERE expires_on IS NOT NULL
"""

NEW_MEMBERS = f"""
INSERT INTO {Member._meta.db_table}
  (program_id, user_id, email, external_id, merged_by, joined_at, joined_by)
SELECT %(program)s, user_id, CASE WHEN user_id IS NULL THEN email ELSE '' END, external_id, '',
  starts_at, 'import'
FROM loyalty_import_person JOIN loyalty_import_day ON day = since
WHERE member_id IS NULL ORDER BY since, who
ON CONFLICT DO NOTHING
"""
# Where there were a few members and are a million now, the next plan must know.
LEARN_MEMBERS = f"ANALYZE {Member._meta.db_table}"
NAME_MEMBERS = f"""
UPDATE {Member._meta.db_table} AS member SET external_id = person.external_id
FROM loyalty_import_person AS person
WHERE member.id = person.member_id AND person.named_id IS NULL AND person.external_id <> ''
  AND member.external_id = ''
"""
KNOWN_MEMBERS = """
SELECT DISTINCT member_id FROM loyalty_import_person
WHERE member_id > %(after)s ORDER BY member_id LIMIT %(limit)s
"""

# Ids in the order of the dates: the older lot is spent before a newer.
READY = f"""
CREATE TEMP TABLE loyalty_import_ready ON COMMIT DROP AS
SELECT row_number() OVER () AS number,
  nextval((SELECT pg_get_serial_sequence('{Lot._meta.db_table}', 'id'))::regclass) AS lot_id,
  sorted.*
FROM (
  SELECT person.member_id, key, points, source, earned.starts_at AS earned_at,
    CASE WHEN is_never THEN NULL WHEN expires_on IS NULL THEN earned.policy_expires_at
      ELSE expiring.ends_at END AS expires_at,
    CASE WHEN expires_on IS NULL AND NOT is_never THEN %(inactivity_months)s::smallint END
      AS inactivity_months,
    coalesce(balance.debt, 0) > 0 AS is_in_debt
  FROM loyalty_import_fresh AS fresh
  JOIN loyalty_import_person AS person USING (who)
  JOIN loyalty_import_day AS earned ON earned.day = fresh.earned_on
  LEFT JOIN loyalty_import_day AS expiring ON expiring.day = fresh.expires_on
  LEFT JOIN {Balance._meta.db_table} AS balance ON balance.member_id = person.member_id
  ORDER BY key COLLATE "C"
) AS sorted
"""
# Alive by the import: nothing is known of what the member did before, and nobody may be surprised.
WRITE = f"""
WITH ready AS MATERIALIZED (
  SELECT * FROM loyalty_import_ready
  WHERE number > %(after)s AND number <= %(upto)s AND NOT is_in_debt
), lots AS (
  INSERT INTO {Lot._meta.db_table} (id, program_id, member_id, order_id, pending, available, held,
    expired, earned_at, matures_at, expires_at, inactivity_months, notice_days)
  SELECT lot_id, %(program)s, member_id, '', 0, points, 0, 0, earned_at, NULL, expires_at,
    inactivity_months, %(notice_days)s
  FROM ready ORDER BY number
), entries AS (
  INSERT INTO {Entry._meta.db_table} (program_id, member_id, idempotency_key, leg, fingerprint,
    source, target, points, lot_id, is_qualifying, reason, order_id, note, actor, details,
    effective_at, created_at)
  SELECT %(program)s, member_id, key, 0, right(key, 64), 'issued', 'available', points, lot_id,
    false, 'opening_balance', '', '', '',
    CASE WHEN source = '' THEN '{{}}' ELSE jsonb_build_object('source', source) END,
    earned_at, %(now)s
  FROM ready ORDER BY number
)
INSERT INTO {Balance._meta.db_table} AS balance
  (member_id, pending, available, held, debt, last_activity_at)
SELECT member_id, 0, sum(points), 0, 0, CASE WHEN bool_or(inactivity_months IS NOT NULL)
  THEN %(now)s::timestamptz END
FROM ready GROUP BY member_id ORDER BY member_id
ON CONFLICT (member_id) DO UPDATE SET available = balance.available + EXCLUDED.available,
  last_activity_at = greatest(balance.last_activity_at, EXCLUDED.last_activity_at)
"""
IN_DEBT = """
SELECT member_id, key, points, source, earned_at, expires_at, inactivity_months
FROM loyalty_import_ready
WHERE is_in_debt AND number > %(after)s AND number <= %(upto)s ORDER BY number
"""
KEEP_ALIVE = f"""
UPDATE {Balance._meta.db_table} SET last_activity_at = greatest(last_activity_at, %(now)s)
WHERE member_id = ANY(%(members)s)
"""
# Foreign keys are checked as we go, not all in the end.
CHECK_KEYS = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
