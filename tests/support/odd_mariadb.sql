SET NAMES utf8mb4;
SET time_zone = '+09:00';
CREATE TABLE odd (
    id bigint PRIMARY KEY AUTO_INCREMENT, big bigint unsigned, tiny tinyint(1), small smallint unsigned zerofill, n decimal(65,30), d double,
    f float, b bit(64), day date, t time(6), moment datetime(6), instant timestamp(3) NULL, y year, kind enum('a','it''s',''),
    many set('x','y','z'), doc json, old varchar(20) CHARACTER SET latin1, said longtext, short text, raw longblob, fixed char(4),
    fixed_raw binary(3), var_raw varbinary(300), u uuid, i inet6, twice bigint AS (tiny * 2) STORED
);
INSERT INTO odd (id, big, tiny, small, n, d, f, b, day, t, moment, instant, y, kind, many, doc, old, said, short, raw, fixed, fixed_raw, var_raw, u, i) VALUES
    (1, 18446744073709551615, 127, 7, 12345678901234567890.000000000000000000000000000001, -1e-320, 0.1, b'1', '0001-01-01', '-838:59:59.000000', '2025-02-14 10:02:49.123456', '2025-02-14 10:02:49.5', 2155, 'it''s', 'x,y', '{"a" : 1.10, "a": 2}', 'café', '한글 😀 ''q'' \\ % \0 end', '{"$b":"AA=="}', x'00ff0a', 'ab', x'010000', x'', '00000000-0000-0000-0000-000000000001', '::ffff:1.2.3.4'),
    (-9223372036854775808, 0, -128, 65535, -0.000000000000000000000000000001, 5e-324, 3.4028234663852886e38, b'0', '9999-12-31', '838:59:59.999999', '9999-12-31 23:59:59.999999', '1970-01-01 09:00:01', 1901, '', '', 'null', '', '', '1', '', '', x'ffffff', x'00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '::'),
    (9223372036854775806, NULL, NULL, NULL, NULL, 1.7976931348623157e308, -1e-45, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, REPEAT('긴', 500000), NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SET sql_mode = '';
INSERT INTO odd (id, day, moment, instant, y) VALUES (3, '0000-00-00', '2024-00-00 00:00:00', 0, 0);
CREATE TABLE pairs (a varchar(20) COLLATE utf8mb4_bin, b varbinary(20), v int, PRIMARY KEY (a, b));
INSERT INTO pairs VALUES ('b', x'', 1), ('B', x'00', 2), ('', x'ff', 3), ('a ', x'', 4);
CREATE TABLE keyless (a int, b text);
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, '');
