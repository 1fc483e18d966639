-- A small shop. `prepare.py` makes shop/shop.db of it.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer(id),
    placed_on TEXT NOT NULL,
    total_cents INTEGER NOT NULL
);
INSERT INTO customer VALUES (1, 'Ada', 'Porto'), (2, 'Bo', 'Lisbon'), (3, 'Caro', 'Porto');
INSERT INTO purchase VALUES
    (1, 1, '2026-05-02', 1250), (2, 2, '2026-05-09', 4000), (3, 1, '2026-05-20', 775), (4, 3, '2026-06-01', 990);
