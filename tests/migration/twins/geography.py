"""Maps: a GeoPackage, and a SpatiaLite file whose modules are not here."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import sqlite3
import struct

from tests.migration.features.registry import script

GEOPACKAGE = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
    CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
    CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name), CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE gpkg_ogr_contents (table_name TEXT NOT NULL PRIMARY KEY, feature_count INTEGER DEFAULT NULL);
CREATE TABLE "stations" ("fid" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "geom" POINT, "name" TEXT(80), "height" REAL, "seen" DATE, "open" BOOLEAN, "small" MEDIUMINT);
CREATE VIRTUAL TABLE "rtree_stations_geom" USING rtree(id, minx, maxx, miny, maxy);
CREATE TRIGGER "rtree_stations_geom_insert" AFTER INSERT ON "stations" WHEN (new."geom" NOT NULL AND NOT ST_IsEmpty(NEW."geom")) BEGIN
  INSERT OR REPLACE INTO "rtree_stations_geom" VALUES (NEW."fid", ST_MinX(NEW."geom"), ST_MaxX(NEW."geom"), ST_MinY(NEW."geom"), ST_MaxY(NEW."geom"));
END;
CREATE TRIGGER "trigger_delete_feature_count_stations" AFTER DELETE ON "stations" BEGIN
  UPDATE gpkg_ogr_contents SET feature_count = feature_count - 1 WHERE lower(table_name) = lower('stations');
END;
"""


def geopackage(db: sqlite3.Connection) -> None:
    """A GeoPackage: geometries as bytes in columns of odd types, an R-tree, triggers that call functions of its makers."""
    db.execute("PRAGMA trusted_schema = ON")
    first, second = GEOPACKAGE.split("CREATE TRIGGER", 1)
    script(db, first)
    db.executemany(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)",
        [
            ("undefined", -1, "NONE", -1, "undefined", None),
            ("WGS 84", 4326, "EPSG", 4326, "GEOGCS[…]", "longitude/latitude"),
        ],
    )
    db.execute(
        "INSERT INTO gpkg_contents VALUES ('stations', 'features', 'stations', '', '2024-05-06T07:08:09.123Z', 126.5, 37.1, 127.5, 37.9, 4326)"
    )
    db.execute("INSERT INTO gpkg_geometry_columns VALUES ('stations', 'geom', 'POINT', 4326, 0, 0)")
    db.execute(
        "INSERT INTO gpkg_extensions VALUES ('stations', 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')"
    )
    db.execute("INSERT INTO gpkg_ogr_contents VALUES ('stations', 60)")
    for n in range(60):
        x, y = 126.5 + n / 60, 37.1 + n / 75
        point = b"GP\0\x01" + struct.pack("<iBIdd", 4326, 1, 1, x, y)
        db.execute(
            "INSERT INTO stations (geom, name, height, seen, open, small) VALUES (?, ?, ?, ?, ?, ?)",
            (point, f"역 {n}", n * 1.5, f"2024-01-{n % 28 + 1:02d}", n % 2, n),
        )
        db.execute("INSERT INTO rtree_stations_geom VALUES (?, ?, ?, ?, ?)", (n + 1, x, x, y, y))
    script(db, "CREATE TRIGGER" + second)


SPATIALITE = """
CREATE TABLE spatial_ref_sys (srid INTEGER NOT NULL PRIMARY KEY, auth_name TEXT NOT NULL, auth_srid INTEGER NOT NULL, ref_sys_name TEXT NOT NULL DEFAULT 'Unknown', proj4text TEXT NOT NULL, srtext TEXT NOT NULL DEFAULT 'Undefined');
CREATE UNIQUE INDEX idx_spatial_ref_sys ON spatial_ref_sys (auth_srid, auth_name);
CREATE TABLE spatialite_history (event_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, geometry_column TEXT, event TEXT NOT NULL, timestamp TEXT NOT NULL, ver_sqlite TEXT NOT NULL);
CREATE TABLE geometry_columns (f_table_name TEXT NOT NULL, f_geometry_column TEXT NOT NULL, geometry_type INTEGER NOT NULL, coord_dimension INTEGER NOT NULL, srid INTEGER NOT NULL, spatial_index_enabled INTEGER NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (f_table_name, f_geometry_column), CONSTRAINT fk_gc_srs FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid),
    CONSTRAINT ck_gc_rtree CHECK (spatial_index_enabled IN (0,1,2)));
CREATE INDEX idx_srid_geocols ON geometry_columns (srid);
CREATE TABLE roads (pk INTEGER PRIMARY KEY, name TEXT, geom LINESTRING);
CREATE VIEW geom_cols_ref_sys AS SELECT f_table_name, f_geometry_column, geometry_type, coord_dimension, spatial_ref_sys.srid AS srid, auth_name, auth_srid, ref_sys_name, proj4text, srtext
    FROM geometry_columns, spatial_ref_sys WHERE geometry_columns.srid = spatial_ref_sys.srid;
CREATE VIRTUAL TABLE idx_roads_geom USING rtree(pkid, xmin, xmax, ymin, ymax);
"""
TRIGGERS = """
CREATE TRIGGER geometry_columns_f_table_name_insert BEFORE INSERT ON 'geometry_columns' FOR EACH ROW BEGIN
  SELECT RAISE(ABORT,'insert on geometry_columns violates constraint: f_table_name value must not contain a single quote') WHERE NEW.f_table_name LIKE ('%''%');
END;
CREATE TRIGGER "ggi_roads_geom" BEFORE INSERT ON "roads" FOR EACH ROW BEGIN
  SELECT RAISE(ROLLBACK, 'roads.geom violates Geometry constraint [geom-type or SRID not allowed]')
  WHERE (SELECT geometry_type FROM geometry_columns WHERE Lower(f_table_name) = Lower('roads') AND GeometryConstraints(NEW."geom", geometry_type, srid) = 1) IS NULL;
END;
"""
MODULES = {
    "SpatialIndex": "VirtualSpatialIndex()",
    "ElementaryGeometries": "VirtualElementary()",
    "KNN2": "VirtualKNN2()",
    "data_licenses_v": "VirtualXPath()",
}


def spatialite(db: sqlite3.Connection) -> None:
    """SpatiaLite: geometries as bytes, virtual tables of modules that are not here, triggers with their functions."""
    script(db, SPATIALITE)
    db.executemany(
        "INSERT INTO spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)",
        [(n, "epsg", n, "KGD2002", "+proj=tmerc", "PROJCS") for n in (4326, 5186, 5179)],
    )
    db.execute(
        "INSERT INTO spatialite_history (table_name, geometry_column, event, timestamp, ver_sqlite) VALUES ('roads', 'geom', 'created', '2024-01-01T00:00:00.000Z', '3.40.1')"
    )
    db.execute("INSERT INTO geometry_columns VALUES ('roads', 'geom', 2, 2, 5186, 1)")
    for n in range(1, 50):
        line = b"\0\x01" + struct.pack("<i4d", 5186, n, n, n + 1.0, n + 2.0) + b"\x7c\x02\0\0\0\xfe"
        db.execute("INSERT INTO roads VALUES (?, ?, ?)", (n, f"길 {n}", line))
        db.execute("INSERT INTO idx_roads_geom VALUES (?, ?, ?, ?, ?)", (n, n, n + 1, n, n + 2))
    script(db, TRIGGERS)
    db.execute("PRAGMA writable_schema = ON")
    for name, module in MODULES.items():
        sql = f'CREATE VIRTUAL TABLE "{name}" USING {module}'
        db.execute("INSERT INTO sqlite_master VALUES ('table', ?, ?, 0, ?)", (name, name, sql))
    db.execute("PRAGMA writable_schema = RESET")


BUILDS = (geopackage, spatialite)
