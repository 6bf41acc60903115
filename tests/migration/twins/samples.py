"""The sample databases that tutorials use: Chinook, Northwind, Sakila."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import random
import sqlite3

from tests.migration.features.registry import script

CHINOOK = """
CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY ([AlbumId]), FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [MediaType] ([MediaTypeId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_MediaType] PRIMARY KEY ([MediaTypeId]));
CREATE TABLE [Genre] ([GenreId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Genre] PRIMARY KEY ([GenreId]));
CREATE TABLE [Track] ([TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, [AlbumId] INTEGER, [MediaTypeId] INTEGER NOT NULL, [GenreId] INTEGER,
    [Composer] NVARCHAR(220), [Milliseconds] INTEGER NOT NULL, [Bytes] INTEGER, [UnitPrice] NUMERIC(10,2) NOT NULL, CONSTRAINT [PK_Track] PRIMARY KEY ([TrackId]),
    FOREIGN KEY ([AlbumId]) REFERENCES [Album] ([AlbumId]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([GenreId]) REFERENCES [Genre] ([GenreId]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([MediaTypeId]) REFERENCES [MediaType] ([MediaTypeId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL, [ReportsTo] INTEGER, [BirthDate] DATETIME,
    CONSTRAINT [PK_Employee] PRIMARY KEY ([EmployeeId]), FOREIGN KEY ([ReportsTo]) REFERENCES [Employee] ([EmployeeId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL, [InvoiceDate] DATETIME NOT NULL, [Total] NUMERIC(10,2) NOT NULL,
    CONSTRAINT [PK_Invoice] PRIMARY KEY ([InvoiceId]));
CREATE TABLE [Playlist] ([PlaylistId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Playlist] PRIMARY KEY ([PlaylistId]));
CREATE TABLE [PlaylistTrack] ([PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL, CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY ([PlaylistId], [TrackId]),
    FOREIGN KEY ([PlaylistId]) REFERENCES [Playlist] ([PlaylistId]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE INDEX [IFK_AlbumArtistId] ON [Album] ([ArtistId]);
CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);
CREATE INDEX [IFK_PlaylistTrackTrackId] ON [PlaylistTrack] ([TrackId]);
"""


def chinook(db: sqlite3.Connection) -> None:
    """Music: CamelCase in brackets, named keys, NUMERIC prices."""
    script(db, CHINOOK)
    r = random.Random(1)
    db.executemany("INSERT INTO Artist VALUES (?, ?)", [(n, f"Motörhead {n}") for n in range(1, 21)])
    db.executemany("INSERT INTO Album VALUES (?, ?, ?)", [(n, f"Album “{n}”", n % 20 + 1) for n in range(1, 41)])
    db.executemany("INSERT INTO MediaType VALUES (?, ?)", [(1, "MPEG audio file"), (2, "AAC audio file")])
    db.executemany("INSERT INTO Genre VALUES (?, ?)", [(1, "Rock"), (2, "Bossa Nova"), (3, None)])
    tracks = [
        (
            n,
            f"Track {n}",
            n % 40 + 1,
            n % 2 + 1,
            n % 3 + 1,
            None if n % 4 else "A. Jobim",
            r.randint(1, 10**6),
            r.randint(1, 2**31 + 9),
            0.99 + n % 2,
        )
        for n in range(1, 301)
    ]
    db.executemany("INSERT INTO Track VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", tracks)
    db.executemany(
        "INSERT INTO Employee VALUES (?, ?, ?, ?)",
        [(1, "Adams", None, "1962-02-18 00:00:00"), (2, "Edwards", 1, "1958-12-08 00:00:00")],
    )
    db.executemany(
        "INSERT INTO Invoice VALUES (?, ?, ?, ?)",
        [(n, n % 9, f"2009-{n % 12 + 1:02d}-01 00:00:00", n * 0.99) for n in range(1, 60)],
    )
    db.executemany("INSERT INTO Playlist VALUES (?, ?)", [(1, "Music"), (2, "TV Shows")])
    db.executemany("INSERT INTO PlaylistTrack VALUES (?, ?)", [(n % 2 + 1, n) for n in range(1, 301)])


NORTHWIND = """
CREATE TABLE [Categories] ([CategoryID] INTEGER PRIMARY KEY AUTOINCREMENT, [CategoryName] TEXT, [Description] TEXT, [Picture] BLOB);
CREATE TABLE [Customers] ([CustomerID] TEXT, [CompanyName] TEXT, [Region] TEXT, PRIMARY KEY (`CustomerID`));
CREATE TABLE [Employees] ([EmployeeID] INTEGER PRIMARY KEY AUTOINCREMENT, [LastName] TEXT, [BirthDate] DATE, [Photo] BLOB, [ReportsTo] INTEGER,
    FOREIGN KEY ([ReportsTo]) REFERENCES [Employees] ([EmployeeID]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [EmployeeTerritories] ([EmployeeID] INTEGER NOT NULL, [TerritoryID] TEXT NOT NULL, PRIMARY KEY ("EmployeeID", "TerritoryID"),
    FOREIGN KEY ([EmployeeID]) REFERENCES [Employees] ([EmployeeID]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Products] ([ProductID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [ProductName] TEXT NOT NULL, [CategoryID] INTEGER, [UnitPrice] NUMERIC DEFAULT 0,
    [UnitsInStock] INTEGER DEFAULT 0, [Discontinued] TEXT NOT NULL DEFAULT '0', CHECK ([UnitPrice]>=(0)), CHECK ([UnitsInStock]>=(0)),
    FOREIGN KEY ([CategoryID]) REFERENCES [Categories] ([CategoryID]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Orders] ([OrderID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [CustomerID] TEXT, [EmployeeID] INTEGER, [OrderDate] DATETIME, [Freight] NUMERIC DEFAULT 0,
    FOREIGN KEY ([EmployeeID]) REFERENCES [Employees] ([EmployeeID]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([CustomerID]) REFERENCES [Customers] ([CustomerID]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Order Details] ([OrderID] INTEGER NOT NULL, [ProductID] INTEGER NOT NULL, [UnitPrice] NUMERIC NOT NULL DEFAULT 0, [Quantity] INTEGER NOT NULL DEFAULT 1,
    [Discount] REAL NOT NULL DEFAULT 0, PRIMARY KEY ("OrderID", "ProductID"), CHECK ([Discount]>=(0) AND [Discount]<=(1)), CHECK ([Quantity]>(0)), CHECK ([UnitPrice]>=(0)),
    FOREIGN KEY ([OrderID]) REFERENCES [Orders] ([OrderID]) ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([ProductID]) REFERENCES [Products] ([ProductID]) ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE VIEW [Alphabetical list of products] AS SELECT Products.*, Categories.CategoryName FROM Categories
    INNER JOIN Products ON Categories.CategoryID = Products.CategoryID WHERE (((Products.Discontinued)='0'));
CREATE VIEW [Order Subtotals] AS SELECT [Order Details].OrderID, Sum(([Order Details].UnitPrice*Quantity*(1-Discount)/100)*100) AS Subtotal
    FROM [Order Details] GROUP BY [Order Details].OrderID;
CREATE VIEW [Products Above Average Price] AS SELECT Products.ProductName, Products.UnitPrice FROM Products
    WHERE Products.UnitPrice>(SELECT AVG(UnitPrice) From Products);
CREATE VIEW [Quarterly Orders] AS SELECT DISTINCT Customers.CustomerID, Customers.CompanyName FROM Customers
    JOIN Orders ON Customers.CustomerID = Orders.CustomerID WHERE Orders.OrderDate BETWEEN DATETIME('2016-01-01') And DATETIME('2016-12-31');
"""


def northwind(db: sqlite3.Connection) -> None:
    """Trade: names with spaces, CHECKs in brackets, pictures, views of joins."""
    script(db, NORTHWIND)
    r = random.Random(2)
    db.executemany(
        "INSERT INTO Categories (CategoryName, Description, Picture) VALUES (?, ?, ?)",
        [(f"C{n}", "Soft drinks, coffees", r.randbytes(900)) for n in range(8)],
    )
    db.executemany(
        "INSERT INTO Customers VALUES (?, ?, ?)",
        [(f"ALF{n:02d}", "Comércio Mineiro", None if n % 2 else "SP") for n in range(20)],
    )
    db.executemany(
        "INSERT INTO Employees (LastName, BirthDate, Photo, ReportsTo) VALUES (?, ?, ?, ?)",
        [(f"Davolio{n}", f"1968-12-{n + 1:02d}", b"", 1) for n in range(9)],
    )
    db.executemany("INSERT INTO EmployeeTerritories VALUES (?, ?)", [(n % 9 + 1, f"0{n}581") for n in range(20)])
    products = [
        (f"Chai {n}", n % 8 + 1, r.choice([18, 21.35, 0.5, 263.5]), n, str(n % 5 == 0 or 0).replace("True", "1"))
        for n in range(60)
    ]
    db.executemany(
        "INSERT INTO Products (ProductName, CategoryID, UnitPrice, UnitsInStock, Discontinued) VALUES (?, ?, ?, ?, ?)",
        products,
    )
    orders = [
        (10248 + n, f"ALF{n % 20:02d}", n % 9 + 1, f"2016-{n % 12 + 1:02d}-04 10:00:00", r.choice([32.38, 11.61, 0]))
        for n in range(80)
    ]
    db.executemany("INSERT INTO Orders VALUES (?, ?, ?, ?, ?)", orders)
    details = [
        (10248 + n // 3, n % 60 + 1, r.choice([14, 9.8, 34.8]), n % 40 + 1, r.choice([0, 0.05, 0.15]))
        for n in range(240)
    ]
    db.executemany("INSERT INTO [Order Details] VALUES (?, ?, ?, ?, ?)", details)


SAKILA = """
CREATE TABLE actor (actor_id numeric NOT NULL, first_name VARCHAR(45) NOT NULL, last_name VARCHAR(45) NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id));
CREATE INDEX idx_actor_last_name ON actor(last_name);
CREATE TABLE language (language_id SMALLINT NOT NULL, name CHAR(20) NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (language_id));
CREATE TABLE film (film_id int NOT NULL, title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT DEFAULT NULL, release_year VARCHAR(4) DEFAULT NULL,
    language_id SMALLINT NOT NULL, original_language_id SMALLINT DEFAULT NULL, rental_duration SMALLINT DEFAULT 3 NOT NULL, rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL,
    length SMALLINT DEFAULT NULL, replacement_cost DECIMAL(5,2) DEFAULT 19.99 NOT NULL, rating VARCHAR(10) DEFAULT 'G', special_features VARCHAR(100) DEFAULT NULL,
    last_update TIMESTAMP NOT NULL, PRIMARY KEY (film_id),
    CONSTRAINT CHECK_special_features CHECK(special_features is null or special_features like '%Trailers%' or special_features like '%Commentaries%' or special_features like '%Deleted Scenes%'),
    CONSTRAINT CHECK_special_rating CHECK(rating in ('G','PG','PG-13','R','NC-17')),
    CONSTRAINT fk_film_language FOREIGN KEY (language_id) REFERENCES language (language_id),
    CONSTRAINT fk_film_language_original FOREIGN KEY (original_language_id) REFERENCES language (language_id));
CREATE INDEX idx_fk_language_id ON film(language_id);
CREATE TABLE film_actor (actor_id INT NOT NULL, film_id INT NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id, film_id),
    CONSTRAINT fk_film_actor_actor FOREIGN KEY (actor_id) REFERENCES actor (actor_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_film_actor_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE);
CREATE TABLE rental (rental_id INT NOT NULL, rental_date TIMESTAMP NOT NULL, customer_id INT NOT NULL, return_date TIMESTAMP DEFAULT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (rental_id));
CREATE UNIQUE INDEX idx_rental_uq ON rental (rental_date, customer_id);
CREATE TRIGGER actor_trigger_ai AFTER INSERT ON actor
 BEGIN
  UPDATE actor SET last_update = DATETIME('NOW') WHERE rowid = new.rowid;
 END;
CREATE TRIGGER actor_trigger_au AFTER UPDATE ON actor
 BEGIN
  UPDATE actor SET last_update = DATETIME('NOW') WHERE rowid = new.rowid;
 END;
CREATE VIEW film_list AS SELECT film.film_id AS FID, film.title AS title, film.rental_rate AS price, film.length AS length, film.rating AS rating,
    actor.first_name||' '||actor.last_name AS actors FROM film JOIN film_actor ON film.film_id = film_actor.film_id JOIN actor ON film_actor.actor_id = actor.actor_id;
CREATE VIEW late AS SELECT r.rental_id AS ID, CASE WHEN r.return_date IS NULL THEN 'out' ELSE 'back' END AS notes FROM rental r;
"""


def sakila(db: sqlite3.Connection) -> None:
    """Films for rent: smallints, CHECKs with LIKE and IN, triggers that touch, views that join."""
    script(db, SAKILA)
    at = "2021-03-06 15:51:59"
    db.executemany("INSERT INTO actor VALUES (?, ?, ?, ?)", [(n, "PENELOPE", f"GUINESS{n}", at) for n in range(1, 51)])
    db.executemany("INSERT INTO language VALUES (?, ?, ?)", [(1, "English", at), (2, "한국어", at)])
    films = [
        (
            n,
            f"ACADEMY DINOSAUR {n}",
            "A Epic Drama",
            "2006",
            1,
            None,
            n % 7 + 1,
            0.99 + n % 5,
            60 + n,
            20.99,
            ("G", "PG", "R")[n % 3],
            "Deleted Scenes,Behind the Scenes",
            at,
        )
        for n in range(1, 101)
    ]
    db.executemany(f"INSERT INTO film VALUES ({', '.join('?' * 13)})", films)
    db.executemany("INSERT INTO film_actor VALUES (?, ?, ?)", [(n % 50 + 1, n, at) for n in range(1, 101)])
    rentals = [
        (n, f"2005-05-{n % 28 + 1:02d} 22:53:30.000", n, None if n % 6 else "2005-05-30 10:00:00.000", at)
        for n in range(1, 90)
    ]
    db.executemany("INSERT INTO rental VALUES (?, ?, ?, ?, ?)", rentals)


BUILDS = (chinook, northwind, sakila)
