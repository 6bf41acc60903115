"""The function of a Postgres target that takes readings in: locks, inserts and settles, in one call and transaction.

It is the rule of `core/window.py` in PL/pgSQL, so that a client behind REST, which has no transaction of its own, gets
the same as one that speaks SQL. Two callers wait for each other number by number, in one order. A caller sees what was
committed before it got its locks, since every statement of a function has a snapshot of its own (READ COMMITTED).
"""

from __future__ import annotations

from recon_cli.systems.containers.table import COPIED, Names


def statements(names: Names, *, partitioned: bool, exposed: bool) -> tuple[str, ...]:
    """The statements that make the functions, or make them anew.

    Args:
        names: what the tables are called.
        partitioned: a month's partitions are made when its first reading comes.
        exposed: others see the schema over REST: only the service's own role may call them.
    """
    made = [*((_month(names),) if partitioned else ()), _take(names, partitioned=partitioned, exposed=exposed)]
    functions = [f'"{names.taker}"(jsonb)', *((f'"{names.logs}_month"(timestamp)',) if partitioned else ())]
    for one in functions if exposed else ():
        made.append(f"REVOKE ALL ON FUNCTION {one} FROM PUBLIC")
        made.append(
            f"DO $$ BEGIN REVOKE ALL ON FUNCTION {one} FROM anon, authenticated;"
            f" GRANT EXECUTE ON FUNCTION {one} TO service_role; EXCEPTION WHEN undefined_object THEN NULL; END $$"
        )
    return tuple(made)


def _month(names: Names) -> str:
    """Both tables' partitions of one month; who makes them holds a lock, so that two do not make them at once."""
    return f"""CREATE OR REPLACE FUNCTION "{names.logs}_month"(month timestamp) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE one text;
BEGIN
  IF to_regclass(format('%I', '{names.readings}_p' || to_char(month, 'YYYY_MM'))) IS NOT NULL
    AND to_regclass(format('%I', '{names.logs}_p' || to_char(month, 'YYYY_MM'))) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('{names.logs} partitions', 0));
  FOREACH one IN ARRAY ARRAY['{names.logs}', '{names.readings}'] LOOP
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
      one || '_p' || to_char(month, 'YYYY_MM'), one,
      month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
  END LOOP;
END $$"""


def _take(names: Names, *, partitioned: bool, exposed: bool) -> str:
    sent = "id, captured_at, container_owner, container_number, source_video, cropped_image_ref"
    sent = f"{sent}, check_digit, confidence, notes"
    typed = (
        "id uuid, captured_at timestamptz, container_owner text, container_number text, source_video text,"
        " cropped_image_ref text, check_digit smallint, confidence double precision, notes text"
    )
    months = f"""
  FOR month IN SELECT DISTINCT date_trunc('month', x.captured_at AT TIME ZONE 'UTC')
    FROM jsonb_to_recordset(readings) AS x(captured_at timestamptz) ORDER BY 1 LOOP
    PERFORM "{names.logs}_month"(month);
  END LOOP;"""
    copied = ", ".join(COPIED)
    return f"""CREATE OR REPLACE FUNCTION "{names.taker}"(readings jsonb) RETURNS integer LANGUAGE plpgsql
{"SECURITY DEFINER " if exposed else ""}SET search_path FROM CURRENT AS $$
DECLARE
  span interval; month timestamp; lock_key bigint; owners text[]; numbers text[]; firsts timestamptz[];
  lasts timestamptz[]; last_id uuid; last_at timestamptz; r record; changed integer := 0;
BEGIN
  SELECT make_interval(secs => value::double precision) INTO STRICT span FROM "{names.rules}" WHERE name = 'window_s';
  {months if partitioned else ""}
  FOR lock_key IN SELECT DISTINCT hashtextextended(x.container_owner || x.container_number, 0)
    FROM jsonb_to_recordset(readings) AS x(container_owner text, container_number text) ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock(lock_key);
  END LOOP;
  WITH fresh AS (
    INSERT INTO "{names.readings}" ({sent})
    SELECT {sent} FROM jsonb_to_recordset(readings) AS x({typed}) ORDER BY id
    ON CONFLICT DO NOTHING RETURNING container_owner, container_number, captured_at
  ), groups_met AS (
    SELECT container_owner, container_number, min(captured_at) AS earliest, max(captured_at) AS latest
    FROM fresh GROUP BY container_owner, container_number
  )
  SELECT array_agg(container_owner), array_agg(container_number), array_agg(earliest), array_agg(latest)
    INTO owners, numbers, firsts, lasts FROM groups_met;
  FOR i IN 1 .. coalesce(array_length(owners, 1), 0) LOOP
    last_id := NULL; last_at := NULL;
    SELECT id, captured_at INTO last_id, last_at FROM "{names.logs}"
      WHERE container_owner = owners[i] AND container_number = numbers[i]
        AND captured_at < firsts[i] AND captured_at >= firsts[i] - span
      ORDER BY captured_at DESC, id DESC LIMIT 1;
    FOR r IN SELECT id, captured_at, log_id, pinned FROM "{names.readings}"
      WHERE container_owner = owners[i] AND container_number = numbers[i] AND captured_at >= firsts[i]
      ORDER BY captured_at, id LOOP
      IF last_id IS NULL OR r.pinned OR r.captured_at > last_at + span THEN
        last_id := r.id; last_at := r.captured_at;
      END IF;
      IF r.log_id IS NOT DISTINCT FROM last_id THEN
        EXIT WHEN r.captured_at > lasts[i];
        CONTINUE;
      END IF;
      changed := changed + 1;
      UPDATE "{names.readings}" SET log_id = last_id WHERE id = r.id AND captured_at = r.captured_at;
      IF last_id = r.id THEN
        INSERT INTO "{names.logs}" ({copied}) SELECT {copied} FROM "{names.readings}"
          WHERE id = r.id AND captured_at = r.captured_at ON CONFLICT DO NOTHING;
      ELSIF r.log_id = r.id THEN
        DELETE FROM "{names.logs}" WHERE id = r.id AND captured_at = r.captured_at;
      END IF;
    END LOOP;
  END LOOP;
  RETURN changed;
END $$"""
