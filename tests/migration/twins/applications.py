"""What applications keep in SQLite: a Django site, a Rails app, a browser's places, a house, notes to be searched."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import json
import random
import sqlite3

from tests.migration.features.registry import script

DJANGO = """
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL,
    "username" varchar(150) NOT NULL UNIQUE, "email" varchar(254) NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL);
CREATE TABLE "auth_permission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "content_type_id" integer NOT NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED,
    "codename" varchar(100) NOT NULL, "name" varchar(255) NOT NULL);
CREATE UNIQUE INDEX "auth_permission_content_type_id_codename_01ab375a_uniq" ON "auth_permission" ("content_type_id", "codename");
CREATE INDEX "auth_permission_content_type_id_2f476e4b" ON "auth_permission" ("content_type_id");
CREATE TABLE "auth_user_user_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
    "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "object_id" text NULL, "object_repr" varchar(200) NOT NULL,
    "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "change_message" text NOT NULL,
    "content_type_id" integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "action_time" datetime NOT NULL);
CREATE INDEX "django_admin_log_user_id_c564eba6" ON "django_admin_log" ("user_id");
CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
CREATE TABLE "shop_item" ("id" char(32) NOT NULL PRIMARY KEY, "price" decimal NOT NULL, "made" date NOT NULL, "opens" time NULL, "took" bigint NULL, "score" real NULL,
    "attrs" text NOT NULL CHECK ((JSON_VALID("attrs") OR "attrs" IS NULL)), "slug" varchar(50) NOT NULL, "stock" integer unsigned NOT NULL CHECK ("stock" >= 0), "raw" BLOB NULL,
    CONSTRAINT "dear" CHECK ("price" > '0'));
CREATE UNIQUE INDEX "only_live_slug" ON "shop_item" ("slug") WHERE "stock" > 0;
CREATE INDEX "shop_item_made_desc" ON "shop_item" ("made" DESC, "slug");
"""


def django(db: sqlite3.Connection) -> None:
    """Django: deferred keys, hashed index names, datetimes with microseconds, bool, decimal, JSON, a session's base64."""
    script(db, DJANGO)
    r = random.Random(3)
    at = "2024-03-01 12:34:56.789012"
    db.executemany(
        "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)",
        [("auth", f"000{n}_initial", at) for n in range(9)],
    )
    db.executemany(
        "INSERT INTO django_content_type (app_label, model) VALUES (?, ?)", [("auth", "user"), ("shop", "item")]
    )
    users = [
        (f"pbkdf2_sha256$720000${n}", at if n % 2 else None, n == 0, f"user{n}", "a@b.c", True, "2024-03-01 12:34:56")
        for n in range(30)
    ]
    db.executemany(
        "INSERT INTO auth_user (password, last_login, is_superuser, username, email, is_active, date_joined) VALUES (?, ?, ?, ?, ?, ?, ?)",
        users,
    )
    db.executemany(
        "INSERT INTO auth_permission (content_type_id, codename, name) VALUES (?, ?, ?)",
        [(n % 2 + 1, f"p{n}", "Can") for n in range(8)],
    )
    db.executemany(
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (?, ?)",
        [(n + 1, n % 8 + 1) for n in range(20)],
    )
    log = [(str(n), "객체", n % 3 + 1, json.dumps([{"added": {}}]), n % 2 + 1, n % 30 + 1, at) for n in range(40)]
    db.executemany(
        "INSERT INTO django_admin_log (object_id, object_repr, action_flag, change_message, content_type_id, user_id, action_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
        log,
    )
    db.executemany(
        "INSERT INTO django_session VALUES (?, ?, ?)",
        [(f"{r.getrandbits(128):032x}", ".eJxVjDs", at) for _ in range(20)],
    )
    items = [
        (
            f"{r.getrandbits(128):032x}",
            round(r.random() * 900 + 1, 2),
            f"2024-02-{n % 28 + 1:02d}",
            "09:30:00" if n % 2 else None,
            n * 10**9,
            r.random(),
            json.dumps({"색": n}),
            f"s{n}",
            n % 4,
            r.randbytes(9),
        )
        for n in range(60)
    ]
    db.executemany(f"INSERT INTO shop_item VALUES ({', '.join('?' * 10)})", items)
    db.execute("DELETE FROM auth_user_user_permissions WHERE id > 15")


RAILS = """
CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "email" varchar DEFAULT '' NOT NULL, "admin" boolean DEFAULT 0, "sign_in_count" integer DEFAULT 0 NOT NULL,
    "settings" json DEFAULT '{}', "balance" decimal(10,2) DEFAULT 0.0, "born_on" date, "token" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email");
CREATE UNIQUE INDEX "index_users_on_token" ON "users" ("token") WHERE token IS NOT NULL;
CREATE INDEX "index_users_on_lower_email" ON "users" (lower(email));
CREATE TABLE "posts" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "title" varchar, "body" text, "user_id" integer NOT NULL, "status" integer DEFAULT 0, "rating" float,
    "created_at" datetime(6) DEFAULT CURRENT_TIMESTAMP NOT NULL, CONSTRAINT "fk_rails_5b5ddfd518" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE);
CREATE INDEX "index_posts_on_user_id_and_created_at" ON "posts" ("user_id", "created_at" DESC);
CREATE TABLE "active_storage_blobs" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" varchar NOT NULL, "byte_size" bigint NOT NULL, "metadata" text, "created_at" datetime(6) NOT NULL);
CREATE UNIQUE INDEX "index_active_storage_blobs_on_key" ON "active_storage_blobs" ("key");
CREATE TABLE "tags" ("name" varchar COLLATE NOCASE NOT NULL, "posts_count" integer DEFAULT 0, CONSTRAINT chk_rails_count CHECK (posts_count >= 0));
CREATE UNIQUE INDEX "index_tags_on_name" ON "tags" ("name");
"""


def rails(db: sqlite3.Connection) -> None:
    """Rails: datetime(6) as text, boolean as 0 and 1, json, partial and expression indexes, a NOCASE column."""
    script(db, RAILS)
    at = "2024-05-06 07:08:09.123456"
    db.executemany("INSERT INTO schema_migrations VALUES (?)", [(f"2024010100{n:04d}",) for n in range(12)])
    db.execute("INSERT INTO ar_internal_metadata VALUES ('environment', 'production', ?, ?)", (at, at))
    users = [
        (
            f"u{n}@example.com",
            n % 9 == 0,
            n,
            '{"dark":true}',
            n * 1.25,
            None if n % 2 else "1990-01-31",
            f"t{n}" if n % 3 else None,
            at,
            at,
        )
        for n in range(50)
    ]
    db.executemany(
        "INSERT INTO users (email, admin, sign_in_count, settings, balance, born_on, token, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        users,
    )
    posts = [(f"제목 {n}", "본문\n" * n, n % 50 + 1, n % 3, n / 7, at) for n in range(120)]
    db.executemany(
        "INSERT INTO posts (title, body, user_id, status, rating, created_at) VALUES (?, ?, ?, ?, ?, ?)", posts
    )
    db.executemany(
        "INSERT INTO active_storage_blobs (key, byte_size, metadata, created_at) VALUES (?, ?, ?, ?)",
        [(f"k{n}", 2**33 + n, '{"identified":true}', at) for n in range(9)],
    )
    db.executemany("INSERT INTO tags VALUES (?, ?)", [("Ruby", 1), ("python", 0), ("Öl", 2), ("öl", 3)])
    db.execute("DELETE FROM posts WHERE id > 100")


PLACES = """
CREATE TABLE moz_origins (id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, host TEXT NOT NULL, frecency INTEGER NOT NULL, UNIQUE (prefix, host));
CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host LONGVARCHAR, visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL,
    frecency INTEGER DEFAULT -1 NOT NULL, last_visit_date INTEGER, guid TEXT, url_hash INTEGER DEFAULT 0 NOT NULL, origin_id INTEGER REFERENCES moz_origins(id));
CREATE INDEX moz_places_url_hashindex ON moz_places (url_hash);
CREATE UNIQUE INDEX moz_places_guid_uniqueindex ON moz_places (guid);
CREATE INDEX moz_places_lastvisitdateindex ON moz_places (last_visit_date);
CREATE TABLE moz_historyvisits (id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER, visit_date INTEGER, visit_type INTEGER, session INTEGER);
CREATE TABLE moz_keywords (id INTEGER PRIMARY KEY AUTOINCREMENT, keyword TEXT UNIQUE, place_id INTEGER, post_data TEXT);
CREATE TABLE moz_meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
"""


def browser(db: sqlite3.Connection) -> None:
    """A browser's places: times in microseconds, hashes of 48 bits, a table of untyped values."""
    script(db, PLACES)
    r = random.Random(4)
    db.executemany(
        "INSERT INTO moz_origins VALUES (?, ?, ?, ?)", [(n, "https://", f"h{n}.example", n) for n in range(1, 20)]
    )
    places = [
        (
            n,
            f"https://h{n % 19 + 1}.example/글/{n}",
            "제목" if n % 5 else None,
            "elpmaxe.",
            n,
            0,
            -1 if n % 2 else 2000,
            1_700_000_000_000_000 + n,
            f"{r.getrandbits(72):018x}",
            r.getrandbits(48),
            n % 19 + 1,
        )
        for n in range(1, 200)
    ]
    db.executemany(f"INSERT INTO moz_places VALUES ({', '.join('?' * 11)})", places)
    db.executemany(
        "INSERT INTO moz_historyvisits VALUES (?, ?, ?, ?, ?, ?)",
        [(n, n - 1, n, 1_700_000_000_000_000 + n, 1, 0) for n in range(1, 200)],
    )
    db.executemany(
        "INSERT INTO moz_meta VALUES (?, ?)", [("origin_frecency_count", 19), ("sync/token", "abc"), ("ratio", 0.5)]
    )


HOUSE = """
CREATE TABLE event_types (event_type_id INTEGER NOT NULL, event_type VARCHAR(64), PRIMARY KEY (event_type_id));
CREATE TABLE state_attributes (attributes_id INTEGER NOT NULL, hash BIGINT, shared_attrs TEXT, PRIMARY KEY (attributes_id));
CREATE TABLE states (state_id INTEGER NOT NULL, entity_id CHAR(0), state VARCHAR(255), last_updated DATETIME, last_updated_ts FLOAT, old_state_id INTEGER, attributes_id INTEGER,
    context_id_bin BLOB, PRIMARY KEY (state_id), FOREIGN KEY(old_state_id) REFERENCES states (state_id), FOREIGN KEY(attributes_id) REFERENCES state_attributes (attributes_id));
CREATE INDEX ix_states_context_id_bin ON states (context_id_bin);
CREATE TABLE statistics (id INTEGER NOT NULL, created CHAR(0), start_ts FLOAT, mean FLOAT, sum FLOAT, PRIMARY KEY (id));
"""


def house(db: sqlite3.Connection) -> None:
    """A house that measures itself: floats of seconds, 16-byte ids, hashes over four bytes, columns that are always NULL."""
    script(db, HOUSE)
    r = random.Random(5)
    db.executemany(
        "INSERT INTO state_attributes VALUES (?, ?, ?)", [(n, r.getrandbits(32), '{"unit":"°C"}') for n in range(1, 30)]
    )
    states = [
        (
            n,
            None,
            f"{r.gauss(20, 3):.2f}" if n % 9 else "unavailable",
            None,
            1_700_000_000 + n + r.random(),
            n - 1 or None,
            n % 29 + 1,
            r.randbytes(16),
        )
        for n in range(1, 300)
    ]
    db.executemany(f"INSERT INTO states VALUES ({', '.join('?' * 8)})", states)
    db.executemany(
        "INSERT INTO statistics VALUES (?, ?, ?, ?, ?)",
        [(n, None, 1_700_000_000.0 + 3600 * n, r.random(), None) for n in range(1, 90)],
    )


NOTES = """
CREATE TABLE notes (id TEXT PRIMARY KEY, parent_id TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '', body TEXT NOT NULL DEFAULT '', created_time INT NOT NULL,
    latitude NUMERIC NOT NULL DEFAULT 0, is_todo INT NOT NULL DEFAULT 0, "order" NUMERIC NOT NULL DEFAULT 0);
CREATE INDEX notes_title ON notes (title);
CREATE VIRTUAL TABLE notes_fts USING fts5(title, body, tokenize = 'unicode61');
CREATE VIRTUAL TABLE places USING rtree(id, minX, maxX, minY, maxY);
CREATE VIEW tags_with_count AS SELECT parent_id AS id, COUNT(*) AS note_count FROM notes GROUP BY parent_id;
CREATE TRIGGER notes_after_insert AFTER INSERT ON notes BEGIN
  INSERT INTO notes_fts (title, body) VALUES (new.title, new.body);
END;
"""


def notes(db: sqlite3.Connection) -> None:
    """Notes with a full-text index and an R-tree beside them."""
    script(db, NOTES)
    rows = [
        (
            f"{n:032x}",
            f"{n % 3:032x}",
            f"제목 {n}",
            "- [ ] 할 일\n" * (n % 4),
            1_700_000_000_000 + n,
            37.5665 if n % 2 else 0,
            n % 2,
            n,
        )
        for n in range(80)
    ]
    db.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?)", [(n, n, n + 0.5, -n, n) for n in range(1, 30)])


BUILDS = (django, rails, browser, house, notes)
