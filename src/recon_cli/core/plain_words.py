"""The words and functions of plain SQL: what `plain_sql` knows, and knows to be harmless."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


OPERATORS = words("+ - * / % ^ = == != <> < <= > >= <=> || && & | << >> ~ ~* !~ !~* ~~ !~~ ~~* !~~* -> ->> @> <@")
BEFORE_A_SIGN = words("* / % = == != <> < <= > >=")
LOGIC = words("and or xor div mod like ilike glob between escape collate rlike regexp in is not similar at")
LITERALS = words("null true false")
CLOCKS = words("current_timestamp current_date current_time localtime localtimestamp")
TYPED = words("date time timestamp timestamptz interval")
CHARSETS = words("x b n _utf8mb4 _utf8mb3 _utf8 _latin1 _ascii _binary")
TYPES = words(
    "smallint integer int bigint int2 int4 int8 tinyint mediumint signed unsigned numeric decimal dec real double"
    " precision float float4 float8 money boolean bool text tinytext mediumtext longtext character char varchar nchar"
    " varying bpchar name citext blob bytea binary varbinary bit date time timestamp timestamptz timetz datetime"
    " interval year uuid json jsonb xml inet cidr macaddr regclass regconfig oid with without zone"
)
FUNCTIONS = words(
    "length char_length character_length octet_length bit_length lower upper trim ltrim rtrim btrim coalesce ifnull"
    " nullif iif if abs round floor ceil ceiling sign power pow sqrt min max greatest least substr substring left right"
    " instr strpos replace concat concat_ws hex unhex md5 typeof unicode ascii reverse"
    " now clock_timestamp statement_timestamp transaction_timestamp sysdate curdate curtime utc_timestamp utc_date"
    " utc_time unix_timestamp from_unixtime datetime date time timestamp julianday unixepoch strftime date_trunc"
    " date_part timezone to_timestamp to_char to_date make_date age year month day hour minute second"
    " json_valid json_type json_extract json_unquote json_array json_object json_array_length json_typeof"
    " jsonb_typeof jsonb_array_length jsonb_build_object jsonb_build_array json_build_object json_build_array"
    " gen_random_uuid uuid_generate_v1 uuid_generate_v4 uuid random rand"
    " array_length cardinality to_tsvector any some all"
)
RESERVED = words(
    "select from where with union insert update delete drop alter create attach pragma case when then else end as"
    " exists references primary unique check constraint default foreign generated on group order having limit into"
    " using over"
)
UUIDS = words("gen_random_uuid uuid_generate_v1 uuid_generate_v4")
