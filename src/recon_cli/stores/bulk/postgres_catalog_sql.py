"""The questions to pg_catalog. Each is asked once for a whole schema, which is the parameter."""

from __future__ import annotations

_MEMBER = "EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{}'::regclass AND x.objid = {} AND x.deptype = 'e')"
"""Whether an object belongs to an extension, which creates it."""

TABLES = f"""
SELECT c.oid, c.relname, c.relkind::text,
       (SELECT coalesce(sum(pg_relation_size(p.reltoastrelid)), 0) > 0
        FROM pg_class p
        WHERE p.reltoastrelid <> 0 AND (p.oid = c.oid OR c.relkind = 'p'
          AND p.oid IN (SELECT relid FROM pg_partition_tree(c.oid)))),
       obj_description(c.oid, 'pg_class'), c.reloptions, c.relpersistence = 'u',
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
       (SELECT array_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
        FROM pg_inherits i WHERE i.inhrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND NOT {_MEMBER.format("pg_class", "c.oid")}
ORDER BY c.relname COLLATE "C\""""

COLUMNS = """
WITH RECURSIVE under AS (
    SELECT oid AS top, oid, typname, typtype, typcategory, typbasetype FROM pg_type
    UNION ALL
    SELECT u.top, t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype
    FROM under u JOIN pg_type t ON t.oid = u.typbasetype WHERE u.typtype = 'd'
)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), u.typname, u.typtype::text, u.typcategory::text,
       a.attnotnull, pg_get_expr(d.adbin, d.adrelid, true), a.attidentity::text, a.attgenerated::text,
       CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
       col_description(a.attrelid, a.attnum),
       (SELECT s.relname FROM pg_depend o JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S'
        WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.deptype = 'a'
          AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND EXISTS (
              SELECT FROM pg_depend v WHERE v.classid = 'pg_attrdef'::regclass AND v.objid = d.oid
                AND v.refclassid = 'pg_class'::regclass AND v.refobjid = s.oid)
        LIMIT 1)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
JOIN under u ON u.top = a.atttypid AND u.typtype <> 'd'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum"""

_NAMES = """(SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest({}) WITH ORDINALITY k(number, place)
 JOIN pg_attribute a ON a.attrelid = {} AND a.attnum = k.number)"""

CONSTRAINTS = f"""
SELECT o.conrelid, o.conname, o.contype::text, pg_get_expr(o.conbin, o.conrelid, true),
       {_NAMES.format("o.conkey", "o.conrelid")}, f.relname, {_NAMES.format("o.confkey", "o.confrelid")},
       CASE WHEN o.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' WHEN o.condeferrable THEN 'DEFERRABLE' ELSE '' END,
       o.confdeltype::text, o.convalidated, o.connoinherit, o.confmatchtype::text, pg_get_constraintdef(o.oid, true),
       CASE WHEN f.relnamespace <> c.relnamespace THEN f.relnamespace::regnamespace::text END,
       o.confupdtype::text,
       CASE WHEN current_setting('server_version_num')::int >= 150000
            THEN {_NAMES.format("translate(to_jsonb(o) ->> 'confdelsetcols', '[]', '{}')::int2[]", "o.conrelid")} END
FROM pg_constraint o
JOIN pg_class c ON c.oid = o.conrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class f ON f.oid = o.confrelid
WHERE n.nspname = %s AND o.contype IN ('p', 'f', 'c') AND o.conparentid = 0
ORDER BY o.conrelid, o.contype, o.conname COLLATE "C\""""

INDEXES = """
SELECT i.indrelid, x.relname, i.indisunique, m.amname,
       (SELECT array_agg(CASE WHEN i.indkey[k - 1] = 0 THEN pg_get_indexdef(i.indexrelid, k, true)
                              ELSE a.attname::text END ORDER BY k)
        FROM generate_series(1, i.indnkeyatts) k
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]),
       ARRAY(SELECT k - 1 FROM generate_series(1, i.indnkeyatts) k WHERE i.indkey[k - 1] = 0 ORDER BY k),
       pg_get_expr(i.indpred, i.indrelid, true), o.conname,
       CASE WHEN o.oid IS NULL THEN pg_get_indexdef(i.indexrelid, 0, true) ELSE pg_get_constraintdef(o.oid, true) END
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
JOIN pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint o ON o.conindid = i.indexrelid AND o.conrelid = i.indrelid AND o.contype IN ('u', 'x')
WHERE n.nspname = %s AND NOT i.indisprimary AND i.indisvalid
ORDER BY i.indrelid, x.relname COLLATE "C\""""

PARTITIONS = """
SELECT r.oid, p.relname, above.relname, pg_get_expr(p.relpartbound, p.oid, true),
       CASE WHEN p.relkind = 'p' THEN pg_get_partkeydef(p.oid) END
FROM pg_class r
JOIN pg_namespace n ON n.oid = r.relnamespace
CROSS JOIN LATERAL pg_partition_tree(r.oid) t
JOIN pg_class p ON p.oid = t.relid AND t.level > 0
JOIN pg_class above ON above.oid = t.parentrelid
WHERE n.nspname = %s AND r.relkind = 'p' AND NOT r.relispartition
ORDER BY r.oid, t.level, p.relname COLLATE "C\""""

OWNED_SEQUENCES = """
SELECT c.oid, a.attname, s.relname, left(c.relname || '_' || a.attname || '_seq', 63), format_type(q.seqtypid, NULL),
       q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_class c ON c.oid = d.refobjid AND NOT c.relispartition
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i')
ORDER BY c.oid, a.attnum"""

DATABASE = """
SELECT pg_encoding_to_char(encoding), datcollate, current_setting('server_version')
FROM pg_database WHERE datname = current_database()"""

NOT_CARRIED = f"""
SELECT kind, name FROM (
    SELECT 'policy' AS kind, polname || ' on ' || c.relname AS name, c.relnamespace AS home
    FROM pg_policy JOIN pg_class c ON c.oid = polrelid
    UNION ALL
    SELECT 'row security on', relname, relnamespace FROM pg_class WHERE relrowsecurity
    UNION ALL
    SELECT 'grants on', relname, relnamespace FROM pg_class WHERE relacl IS NOT NULL AND relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT 'rule', rulename || ' on ' || c.relname, c.relnamespace
    FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'statistics', stxname, stxnamespace FROM pg_statistic_ext
    UNION ALL
    SELECT 'aggregate', proname, pronamespace FROM pg_proc p WHERE prokind = 'a'
      AND NOT {_MEMBER.format("pg_proc", "p.oid")}
    UNION ALL
    SELECT 'foreign table', relname, relnamespace FROM pg_class WHERE relkind = 'f'
) left_out
WHERE home = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
ORDER BY kind, name COLLATE "C\""""

ENUMS = f"""
SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %s AND NOT {_MEMBER.format("pg_type", "t.oid")}
GROUP BY t.oid, t.typname ORDER BY t.oid"""

DOMAINS = f"""
SELECT t.oid, t.typname, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
       pg_get_expr(t.typdefaultbin, 0),
       CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END,
       (SELECT array_agg(format('CONSTRAINT %%I %%s', conname, pg_get_constraintdef(c.oid, true)) ORDER BY conname)
        FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c')
FROM pg_type t JOIN pg_type b ON b.oid = t.typbasetype JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %s AND t.typtype = 'd' AND NOT {_MEMBER.format("pg_type", "t.oid")}"""

COMPOSITES = f"""
SELECT t.oid, t.typname, array_agg(format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
FROM pg_type t
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %s AND NOT {_MEMBER.format("pg_type", "t.oid")}
GROUP BY t.oid, t.typname"""

RANGES = f"""
SELECT t.oid, t.typname, format_type(r.rngsubtype, NULL)
FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %s AND NOT {_MEMBER.format("pg_type", "t.oid")}"""

FREE_SEQUENCES = """
SELECT c.relname, format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle
FROM pg_class c JOIN pg_sequence q ON q.seqrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
ORDER BY c.relname COLLATE "C\""""

FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %s AND p.prokind <> 'a' AND NOT EXISTS (
    SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype IN ('e', 'i'))
ORDER BY p.oid::regprocedure::text COLLATE "C\""""

VIEWS = f"""
SELECT c.oid, c.relname, c.relkind = 'm', c.reloptions, pg_get_viewdef(c.oid, true), ARRAY(
    SELECT DISTINCT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
     AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE r.ev_class = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('v', 'm') AND NOT {_MEMBER.format("pg_class", "c.oid")}
ORDER BY c.relname COLLATE "C\""""

VIEW_INDEXES = """
SELECT x.relname, c.relname, pg_get_indexdef(i.indexrelid, 0, true)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s ORDER BY x.relname COLLATE "C\""""

TRIGGERS = """
SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid, true), t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND NOT t.tgisinternal AND NOT c.relispartition
ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C\""""

EXTENSIONS = """
WITH mine(class, object) AS (
    SELECT 'pg_class'::regclass::oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s
    UNION ALL
    SELECT 'pg_proc'::regclass::oid, p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = %(schema)s
    UNION ALL
    SELECT 'pg_type'::regclass::oid, t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = %(schema)s
), parts(class, object) AS (
    SELECT class, object FROM mine
    UNION ALL
    SELECT d.classid, d.objid FROM pg_depend d JOIN mine ON d.refclassid = class AND d.refobjid = object
    WHERE d.classid IN ('pg_attrdef'::regclass, 'pg_rewrite'::regclass, 'pg_constraint'::regclass,
                        'pg_trigger'::regclass)
), used(class, object) AS (
    SELECT d.refclassid, d.refobjid FROM pg_depend d JOIN parts ON d.classid = class AND d.objid = object
    UNION
    SELECT 'pg_type'::regclass::oid, t.typelem FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    JOIN mine ON class = 'pg_class'::regclass AND object = a.attrelid WHERE t.typelem <> 0
)
SELECT DISTINCT e.extname, CASE WHEN n.nspname <> %(schema)s THEN n.nspname END
FROM used JOIN pg_depend m ON m.classid = used.class AND m.objid = used.object AND m.deptype = 'e'
 AND m.refclassid = 'pg_extension'::regclass
JOIN pg_extension e ON e.oid = m.refobjid JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql' ORDER BY 1"""
