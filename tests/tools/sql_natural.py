"""Databases of everyday life, with questions as people ask them and right queries in several styles."""

# ruff: noqa: E501 - a question, a query: one line each, where they fit

from __future__ import annotations

__all__ = ["LATER", "RIGHT", "WORLDS", "WRONG"]

WORLDS = {
    "shop": """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, country TEXT, email TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price REAL, stock INTEGER, min_stock INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), placed_on TEXT, total REAL,
  status TEXT);
CREATE TABLE order_items (order_id INTEGER REFERENCES orders(id), product_id INTEGER REFERENCES products(id),
  quantity INTEGER);
INSERT INTO customers VALUES (1, 'Ann', 'Rome', 'Italy', 'ann@x.it'), (2, 'Bob', 'Boston', 'United States', 'bob@x.us'),
  (3, 'Cleo', 'Paris', 'France', 'cleo@x.fr'), (4, 'Dora', 'Rome', 'Italy', NULL), (5, 'Max', 'Austin', 'United States', 'm@x.us');
INSERT INTO products VALUES (1, 'Lamp', 'home', 20, 3, 5), (2, 'Desk lamp', 'home', 35, 9, 4), (3, 'Pen', 'office', 2, 100, 50),
  (4, 'Chair', 'home', 80, 0, 2), (5, 'Ink', 'office', 5, 40, 60);
INSERT INTO orders VALUES (1, 1, '2026-05-02', 55, 'paid'), (2, 2, '2026-05-09', 80, 'paid'), (3, 1, '2026-06-01', 2, 'open'),
  (4, 3, '2026-04-30', 40, 'paid'), (5, 1, '2026-05-20', 20, 'refunded'), (6, 5, '2025-12-24', 160, 'paid');
INSERT INTO order_items VALUES (1, 1, 1), (1, 2, 1), (2, 4, 1), (3, 3, 1), (4, 1, 2), (5, 1, 1), (6, 4, 2);
""",
    "library": """
CREATE TABLE authors (author_id INTEGER PRIMARY KEY, full_name TEXT, born INTEGER);
CREATE TABLE books (book_id INTEGER PRIMARY KEY, title TEXT, author_id INTEGER REFERENCES authors, year INTEGER,
  pages INTEGER, genre TEXT);
CREATE TABLE members (member_id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, joined DATE);
CREATE TABLE loans (loan_id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES books, member_id INTEGER REFERENCES members,
  loaned_on DATE, returned_on DATE);
INSERT INTO authors VALUES (1, 'Frank Herbert', 1920), (2, 'Ursula Le Guin', 1929), (3, 'Italo Calvino', 1923);
INSERT INTO books VALUES (1, 'Dune', 1, 1965, 612, 'sf'), (2, 'Dune Messiah', 1, 1969, 331, 'sf'),
  (3, 'The Dispossessed', 2, 1974, 387, 'sf'), (4, 'Invisible Cities', 3, 1972, 165, 'novel');
INSERT INTO members VALUES (1, 'Eve', 'Stone', '2024-01-10'), (2, 'Finn', 'Berg', '2025-03-02'), (3, 'Gus', 'Stone', '2026-02-11');
INSERT INTO loans VALUES (1, 1, 1, '2026-01-03', '2026-01-20'), (2, 3, 1, '2026-02-05', NULL), (3, 1, 2, '2026-03-01', NULL),
  (4, 4, 2, '2026-03-09', '2026-03-12'), (5, 1, 1, '2026-04-01', '2026-04-09');
""",
    "flights": """
CREATE TABLE airports (code TEXT PRIMARY KEY, city TEXT, country TEXT);
CREATE TABLE airlines (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE flights (flight_no TEXT PRIMARY KEY, airline_id INTEGER REFERENCES airlines(id), origin TEXT, destination TEXT,
  departs TEXT, minutes INTEGER, seats INTEGER);
CREATE TABLE bookings (id INTEGER PRIMARY KEY, flight_no TEXT REFERENCES flights(flight_no), passenger TEXT, fare REAL);
INSERT INTO airports VALUES ('LHR', 'London', 'UK'), ('FCO', 'Rome', 'Italy'), ('JFK', 'New York', 'USA'), ('LGW', 'London', 'UK');
INSERT INTO airlines VALUES (1, 'Skyways'), (2, 'Northern Air');
INSERT INTO flights VALUES ('SW1', 1, 'LHR', 'FCO', '2026-05-01 08:00', 150, 180), ('SW2', 1, 'FCO', 'LHR', '2026-05-01 18:30', 155, 180),
  ('NA7', 2, 'LGW', 'JFK', '2026-05-02 09:15', 470, 290), ('NA8', 2, 'JFK', 'LGW', '2026-05-03 21:00', 410, 290);
INSERT INTO bookings VALUES (1, 'SW1', 'Hana', 120), (2, 'SW1', 'Ivan', 99), (3, 'NA7', 'Hana', 450), (4, 'SW2', 'Jo', 80);
""",
    "hr": """
CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT, budget REAL);
CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT, department_id INTEGER REFERENCES departments(id), salary REAL,
  hired_on TEXT, manager_id INTEGER REFERENCES employees(id), title TEXT);
CREATE TABLE absences (employee_id INTEGER REFERENCES employees(id), day TEXT, reason TEXT);
INSERT INTO departments VALUES (1, 'Sales', 500000), (2, 'IT', 300000), (3, 'Legal', 90000);
INSERT INTO employees VALUES (1, 'Kim', 1, 90000, '2015-03-01', NULL, 'Director'), (2, 'Lea', 1, 50000, '2019-07-15', 1, 'Clerk'),
  (3, 'Max', 2, 70000, '2020-01-20', 1, 'Engineer'), (4, 'Nia', 2, 71000, '2023-11-01', 3, 'Engineer'), (5, 'Oli', 1, 52000, '2024-05-06', 1, 'Clerk');
INSERT INTO absences VALUES (2, '2026-01-05', 'sick'), (2, '2026-02-09', 'holiday'), (3, '2026-01-07', 'sick'), (5, '2026-03-03', 'sick');
""",
    "clinic": """
CREATE TABLE doctors (id INTEGER PRIMARY KEY, name TEXT, specialty TEXT);
CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT, birth_date TEXT, sex TEXT);
CREATE TABLE visits (id INTEGER PRIMARY KEY, patient_id INTEGER REFERENCES patients(id), doctor_id INTEGER REFERENCES doctors(id),
  visited_at TEXT, cost REAL, diagnosis TEXT);
CREATE TABLE prescriptions (visit_id INTEGER REFERENCES visits(id), drug TEXT, dose_mg INTEGER);
INSERT INTO doctors VALUES (1, 'Dr Pia', 'cardiology'), (2, 'Dr Quinn', 'general'), (3, 'Dr Rao', 'general');
INSERT INTO patients VALUES (1, 'Sam', '1950-02-01', 'M'), (2, 'Tess', '1991-09-09', 'F'), (3, 'Uma', '2010-12-30', 'F'), (4, 'Vic', '1985-06-06', 'M');
INSERT INTO visits VALUES (1, 1, 1, '2026-05-04', 120, 'angina'), (2, 1, 2, '2026-05-11', 60, 'flu'), (3, 2, 2, '2026-05-11', 60, 'flu'),
  (4, 3, 2, '2026-03-02', 50, 'allergy'), (5, 1, 1, '2026-01-15', 110, 'angina');
INSERT INTO prescriptions VALUES (1, 'aspirin', 100), (1, 'nitrate', 5), (3, 'ibuprofen', 400), (5, 'aspirin', 100);
""",
}

RIGHT = [
    ("shop", "Which customers placed a purchase in May 2026? Give their names, with one SQL query.",
     "SELECT DISTINCT c.name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.placed_on LIKE '2026-05%'"),
    ("shop", "Which customers placed a purchase in May 2026? Give their names, with one SQL query.",
     "SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders "
     "WHERE placed_on BETWEEN '2026-05-01' AND '2026-05-31')"),
    ("shop", "Which customer has spent the most?",
     "SELECT c.name, SUM(o.total) AS spent FROM customers c JOIN orders o ON o.customer_id = c.id "
     "GROUP BY c.id ORDER BY spent DESC LIMIT 1"),
    ("shop", "Who has ordered most often?",
     "SELECT c.name, COUNT(*) AS n FROM orders o JOIN customers c ON c.id = o.customer_id "
     "GROUP BY c.id, c.name ORDER BY n DESC LIMIT 1"),
    ("shop", "How many orders has each customer placed?",
     "SELECT c.name, COUNT(o.id) AS orders FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id"),
    ("shop", "Which customers in the USA have ordered something?",
     "SELECT DISTINCT c.name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.country = 'United States'"),
    ("shop", "What did Ann buy?",
     "SELECT DISTINCT p.name FROM order_items i JOIN products p ON p.id = i.product_id "
     "JOIN orders o ON o.id = i.order_id WHERE o.customer_id = 1"),
    ("shop", "Which products are below their minimum stock?", "SELECT name, stock, min_stock FROM products WHERE stock < min_stock"),
    ("shop", "What is our total revenue per product?",
     "SELECT p.name, SUM(i.quantity * p.price) AS revenue FROM order_items i JOIN products p ON p.id = i.product_id "
     "GROUP BY p.id ORDER BY revenue DESC"),
    ("shop", "What would all the items sold so far cost at today's prices?",
     "SELECT SUM(p.price * i.quantity) FROM order_items i JOIN products p ON i.product_id = p.id"),
    ("shop", "What is the average price of an item sold?",
     "SELECT AVG(p.price) FROM order_items i JOIN products p ON i.product_id = p.id"),
    ("shop", "Which orders were placed in May 2026?", "SELECT id, customer_id, placed_on, total FROM orders WHERE placed_on LIKE '2026-05-%'"),
    ("shop", "Which orders are still open?", "SELECT id FROM orders WHERE status = 'open'"),
    ("shop", "How many lamps have we sold?",
     "SELECT SUM(quantity) FROM order_items WHERE product_id IN (SELECT id FROM products WHERE name LIKE '%lamp%')"),
    ("shop", "How much did we earn in May 2026, refunds not counted?",
     "SELECT SUM(total) FROM orders WHERE placed_on LIKE '2026-05%' AND status <> 'refunded'"),
    ("shop", "Show the monthly revenue.",
     "SELECT strftime('%Y-%m', placed_on) AS month, SUM(total) AS revenue FROM orders GROUP BY month ORDER BY month"),
    ("shop", "Rank the products by price within each category.",
     "SELECT category, name, price, RANK() OVER (PARTITION BY category ORDER BY price DESC) AS place FROM products"),
    ("shop", "Which customers have never placed an order?",
     "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL"),
    ("shop", "Do we have any customers in France?", "SELECT COUNT(*) FROM customers WHERE country = 'France'"),
    ("shop", "How many orders do we have by country?",
     "SELECT c.country, COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country"),
    ("shop", "Label every product as cheap (under 10), medium or expensive (50 and more).",
     "SELECT name, CASE WHEN price < 10 THEN 'cheap' WHEN price < 50 THEN 'medium' ELSE 'expensive' END AS label FROM products"),
    ("shop", "When did Ann last order?",
     "SELECT MAX(o.placed_on) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name = 'Ann'"),
    ("shop", "What are the three most expensive products?", "SELECT name, price FROM products ORDER BY price DESC LIMIT 3"),
    ("shop", "Who spends more than the average customer?",
     "WITH spent AS (SELECT customer_id, SUM(total) AS s FROM orders GROUP BY customer_id) "
     "SELECT c.name FROM spent JOIN customers c ON c.id = spent.customer_id WHERE s > (SELECT AVG(s) FROM spent)"),
    ("shop", "What share of orders is paid?",
     "SELECT 100.0 * SUM(CASE WHEN status = 'paid' THEN 1 ELSE 0 END) / COUNT(*) AS percent FROM orders"),
    ("shop", "Give me the e-mail addresses of our Italian customers as CSV.",
     "SELECT name, email FROM customers WHERE country = 'Italy' AND email IS NOT NULL"),
    ("shop", "Show me a few orders.", "SELECT * FROM orders LIMIT 3"),
    ("shop", "Show me the orders of the last 30 days before 1 June 2026.",
     "SELECT * FROM orders WHERE placed_on >= '2026-05-02' AND placed_on < '2026-06-01' ORDER BY placed_on"),
    ("library", "How many books are on loan right now?", "SELECT COUNT(*) FROM loans WHERE returned_on IS NULL"),
    ("library", "Who has borrowed Dune?",
     "SELECT DISTINCT m.first_name, m.last_name FROM loans l JOIN members m ON m.member_id = l.member_id "
     "JOIN books b ON b.book_id = l.book_id WHERE b.title = 'Dune'"),
    ("library", "Who wrote Dune?",
     "SELECT a.full_name FROM authors a JOIN books b ON a.author_id = b.author_id WHERE b.title = 'Dune'"),
    ("library", "Which books has nobody ever borrowed?",
     "SELECT title FROM books b WHERE NOT EXISTS (SELECT 1 FROM loans l WHERE l.book_id = b.book_id)"),
    ("library", "What's the longest book by Frank Herbert?",
     "SELECT title, pages FROM books WHERE author_id = 1 ORDER BY pages DESC LIMIT 1"),
    ("library", "Which author has written the most books?",
     "SELECT a.full_name, COUNT(*) FROM authors a JOIN books b USING (author_id) GROUP BY a.author_id ORDER BY COUNT(*) DESC LIMIT 1"),
    ("library", "What is the oldest book in the library?", "SELECT title, year FROM books ORDER BY year LIMIT 1"),
    ("library", "Which books appeared in the 1960s?", "SELECT title, year FROM books WHERE year >= 1960 AND year < 1970"),
    ("library", "List all members with what they have at home at the moment.",
     "SELECT m.first_name || ' ' || m.last_name AS member, b.title FROM members m JOIN loans l ON l.member_id = m.member_id "
     "JOIN books b ON b.book_id = l.book_id WHERE l.returned_on IS NULL"),
    ("library", "Which members joined before 2026?", "SELECT first_name, last_name, joined FROM members WHERE joined < '2026-01-01'"),
    ("library", "Find the books with 'Dune' in the title.", "SELECT title, year FROM books WHERE title LIKE '%Dune%'"),
    ("library", "How long was each finished loan, in days?",
     "SELECT loan_id, julianday(returned_on) - julianday(loaned_on) AS days FROM loans WHERE returned_on IS NOT NULL"),
    ("library", "How many loans were there in each month of 2026?",
     "SELECT strftime('%m', loaned_on) AS month, COUNT(*) AS loans FROM loans WHERE loaned_on >= '2026-01-01' GROUP BY 1 ORDER BY 1"),
    ("library", "Show each member's most recent loan.",
     "SELECT m.first_name, m.last_name, MAX(l.loaned_on) AS latest FROM members m JOIN loans l USING (member_id) GROUP BY m.member_id"),
    ("flights", "Which flights go from London to New York?",
     "SELECT flight_no, departs FROM flights WHERE origin IN ('LHR', 'LGW') AND destination = 'JFK'"),
    ("flights", "Which flights leave from London?",
     "SELECT f.flight_no, f.departs, a.city FROM flights f JOIN airports a ON f.origin = a.code WHERE a.city = 'London'"),
    ("flights", "How many passengers fly with Skyways?",
     "SELECT COUNT(DISTINCT b.passenger) FROM bookings b JOIN flights f ON f.flight_no = b.flight_no WHERE f.airline_id = 1"),
    ("flights", "What is the fastest flight?", "SELECT flight_no, minutes FROM flights ORDER BY minutes ASC LIMIT 1"),
    ("flights", "Which flights take more than 5 hours?", "SELECT flight_no, minutes / 60.0 AS hours FROM flights WHERE minutes > 300"),
    ("flights", "How many free seats are left on each flight?",
     "SELECT f.flight_no, f.seats - COUNT(b.id) AS free FROM flights f LEFT JOIN bookings b ON b.flight_no = f.flight_no GROUP BY f.flight_no"),
    ("flights", "What does Hana pay in total?", "SELECT SUM(fare) FROM bookings WHERE passenger = 'Hana'"),
    ("flights", "How many seats does flight SW1 have?", "SELECT seats FROM flights WHERE flight_no = 'SW1'"),
    ("flights", "What is the number of the flight to Rome?",
     "SELECT f.flight_no FROM flights f JOIN airports a ON a.code = f.destination WHERE a.city = 'Rome'"),
    ("flights", "Which airline has earned more, Skyways or Northern Air?",
     "SELECT a.name, SUM(b.fare) AS earned FROM airlines a JOIN flights f ON f.airline_id = a.id "
     "JOIN bookings b ON b.flight_no = f.flight_no GROUP BY a.name ORDER BY earned DESC LIMIT 1"),
    ("flights", "Which flights leave in the evening after 6 pm?", "SELECT flight_no, departs FROM flights WHERE substr(departs, 12) > '18:00'"),
    ("hr", "Who is Max's manager?",
     "SELECT m.name FROM employees e JOIN employees m ON m.id = e.manager_id WHERE e.name = 'Max'"),
    ("hr", "Who earns more than their manager?",
     "SELECT e.name, e.salary, m.name, m.salary FROM employees e JOIN employees m ON e.manager_id = m.id WHERE e.salary > m.salary"),
    ("hr", "What's the average salary in each department?",
     "SELECT d.name, ROUND(AVG(e.salary), 2) AS average, COUNT(*) AS people FROM departments d "
     "JOIN employees e ON e.department_id = d.id GROUP BY d.id, d.name ORDER BY average DESC"),
    ("hr", "Who was hired first?", "SELECT name, hired_on FROM employees ORDER BY hired_on LIMIT 1"),
    ("hr", "Who is the best paid person in IT?",
     "SELECT name FROM employees WHERE department_id = 2 ORDER BY salary DESC LIMIT 1"),
    ("hr", "Which department has nobody working in it?",
     "SELECT d.name FROM departments d LEFT JOIN employees e ON e.department_id = d.id GROUP BY d.id HAVING COUNT(e.id) = 0"),
    ("hr", "How many sick days did everyone have?",
     "SELECT e.name, COUNT(a.day) AS sick_days FROM employees e LEFT JOIN absences a "
     "ON a.employee_id = e.id AND a.reason = 'sick' GROUP BY e.id"),
    ("hr", "Which employee is paid best in every department?",
     "SELECT name, salary FROM (SELECT e.*, ROW_NUMBER() OVER (PARTITION BY department_id ORDER BY salary DESC) AS place "
     "FROM employees e) WHERE place = 1"),
    ("hr", "What is the second highest salary?", "SELECT DISTINCT salary FROM employees ORDER BY salary DESC LIMIT 1 OFFSET 1"),
    ("hr", "List the engineers.", "SELECT name, salary FROM employees WHERE title = 'Engineer' ORDER BY name"),
    ("hr", "How many people report to Kim?", "SELECT COUNT(*) FROM employees WHERE manager_id = 1"),
    ("hr", "What does a typical clerk earn?", "SELECT AVG(salary) FROM employees WHERE title = 'Clerk'"),
    ("hr", "Show the whole reporting chain above Nia.",
     "WITH RECURSIVE up(id, name, manager_id) AS (SELECT id, name, manager_id FROM employees WHERE name = 'Nia' "
     "UNION ALL SELECT e.id, e.name, e.manager_id FROM employees e JOIN up ON e.id = up.manager_id) "
     "SELECT name FROM up WHERE name <> 'Nia'"),
    ("hr", "Which departments spend over half of their budget on salaries?",
     "SELECT d.name FROM departments d JOIN employees e ON e.department_id = d.id GROUP BY d.id, d.budget "
     "HAVING SUM(e.salary) > 0.5 * d.budget"),
    ("clinic", "How often has Sam been here?",
     "SELECT COUNT(*) FROM visits v JOIN patients p ON p.id = v.patient_id WHERE p.name = 'Sam'"),
    ("clinic", "How old is the oldest patient?",
     "SELECT MAX(CAST((julianday('2026-11-01') - julianday(birth_date)) / 365.25 AS INTEGER)) FROM patients"),
    ("clinic", "Which patients saw both Dr Pia and Dr Quinn?",
     "SELECT p.name FROM patients p JOIN visits v ON v.patient_id = p.id WHERE v.doctor_id IN (1, 2) "
     "GROUP BY p.id HAVING COUNT(DISTINCT v.doctor_id) = 2"),
    ("clinic", "Which women came in May 2026?",
     "SELECT DISTINCT p.name FROM patients p JOIN visits v ON v.patient_id = p.id "
     "WHERE p.sex = 'F' AND v.visited_at LIKE '2026-05%'"),
    ("clinic", "What was the most common diagnosis?",
     "SELECT diagnosis, COUNT(*) AS times FROM visits GROUP BY diagnosis ORDER BY times DESC LIMIT 1"),
    ("clinic", "Which drugs did Sam get, and when?",
     "SELECT r.drug, r.dose_mg, v.visited_at FROM prescriptions r JOIN visits v ON v.id = r.visit_id WHERE v.patient_id = 1"),
    ("clinic", "List every visit with patient, doctor and cost.",
     "SELECT v.visited_at, p.name AS patient, d.name AS doctor, v.cost FROM visits v "
     "JOIN patients p ON p.id = v.patient_id JOIN doctors d ON d.id = v.doctor_id"),
    ("clinic", "How many patients did each doctor see in 2026?",
     "SELECT d.name, COUNT(DISTINCT v.patient_id) AS patients FROM doctors d LEFT JOIN visits v ON v.doctor_id = d.id "
     "AND v.visited_at >= '2026-01-01' GROUP BY d.id ORDER BY patients DESC"),
    ("clinic", "Which doctor is the busiest?",
     "SELECT d.name FROM doctors d JOIN visits v ON v.doctor_id = d.id GROUP BY d.id ORDER BY COUNT(v.id) DESC LIMIT 1"),
    ("clinic", "Which patients were treated on a Monday?",
     "SELECT DISTINCT p.name FROM patients p JOIN visits v ON v.patient_id = p.id WHERE strftime('%w', v.visited_at) = '1'"),
    ("clinic", "How many kids (under 18) do we treat?", "SELECT COUNT(*) FROM patients WHERE birth_date > '2008-11-21'"),
    ("shop", "Show the customer's name for every order.", "SELECT c.name FROM orders o JOIN customers c ON c.id = o.customer_id"),
]  # fmt: skip

# Written after the rules had been mended on those above.
LATER = [
    ("shop","List products that are out of stock.","SELECT id, name FROM products WHERE stock = 0"),
    ("shop","Who are our top 3 customers by revenue?","SELECT c.id, c.name, SUM(o.total) AS revenue FROM orders o JOIN customers c ON c.id=o.customer_id GROUP BY c.id, c.name ORDER BY revenue DESC LIMIT 3"),
    ("shop","What percentage of customers has no e-mail address?","SELECT ROUND(100.0 * COUNT(CASE WHEN email IS NULL THEN 1 END) / COUNT(*), 1) AS pct FROM customers"),
    ("shop","Which customers spent more than 100 euros in total?","SELECT c.name, SUM(o.total) AS spent FROM customers c JOIN orders o ON o.customer_id=c.id GROUP BY c.id HAVING SUM(o.total) > 100"),
    ("shop","Who bought a chair?","SELECT DISTINCT c.name FROM customers c WHERE c.id IN (SELECT o.customer_id FROM orders o JOIN order_items i ON i.order_id=o.id JOIN products p ON p.id=i.product_id WHERE p.name='Chair')"),
    ("shop","How did revenue develop from April to May 2026?","SELECT substr(placed_on,1,7) AS month, SUM(total) AS revenue, SUM(total) - LAG(SUM(total)) OVER (ORDER BY substr(placed_on,1,7)) AS change FROM orders WHERE placed_on BETWEEN '2026-04-01' AND '2026-05-31' GROUP BY 1"),
    ("shop","Is anything in the home category cheaper than $25?","SELECT EXISTS (SELECT 1 FROM products WHERE category='home' AND price < 25)"),
    ("shop","Which category sells best?","SELECT p.category, SUM(i.quantity) AS sold FROM order_items i JOIN products p ON p.id = i.product_id GROUP BY p.category ORDER BY sold DESC LIMIT 1"),
    ("shop","Find duplicate e-mail addresses.","SELECT email, COUNT(*) FROM customers WHERE email IS NOT NULL GROUP BY email HAVING COUNT(*) > 1"),
    ("shop","Which products have never been sold?","SELECT p.id, p.name FROM products p WHERE p.id NOT IN (SELECT product_id FROM order_items)"),
    ("shop","What's the average order value per customer?","SELECT c.name, AVG(o.total) FROM orders o INNER JOIN customers c ON o.customer_id = c.id GROUP BY c.name"),
    ("shop","Running total of revenue by date","SELECT placed_on, total, SUM(total) OVER (ORDER BY placed_on) AS running FROM orders"),
    ("shop","Give each customer's first order date.","SELECT c.name, MIN(o.placed_on) FROM customers c JOIN orders o ON o.customer_id=c.id GROUP BY c.id"),
    ("shop","Count the paid orders.","SELECT COUNT(*) AS paid_orders FROM orders WHERE status = 'paid'"),
    ("shop","Which American customers ordered in 2025?","SELECT DISTINCT c.name FROM customers c, orders o WHERE o.customer_id=c.id AND c.country='United States' AND o.placed_on >= '2025-01-01' AND o.placed_on < '2026-01-01'"),
    ("shop","What is the price of the Lamp?","SELECT price FROM products WHERE lower(name) = 'lamp'"),
    ("shop","Show all orders over 50 with the customer's name, newest first.","SELECT o.id, c.name, o.placed_on, o.total FROM orders o JOIN customers c ON c.id=o.customer_id WHERE o.total > 50 ORDER BY o.placed_on DESC"),
    ("shop","Write a query for the number of open and paid orders.","SELECT status, COUNT(*) FROM orders WHERE status IN ('open','paid') GROUP BY status"),
    ("shop","Write a query for the number of open and paid orders.","SELECT SUM(status='open') AS open, SUM(status='paid') AS paid FROM orders"),
    ("library","Which genre is the most popular among our members?","SELECT b.genre FROM loans l JOIN books b ON b.book_id=l.book_id GROUP BY b.genre ORDER BY COUNT(*) DESC LIMIT 1"),
    ("library","How many pages has Eve read in finished loans?","SELECT SUM(b.pages) FROM loans l JOIN books b ON b.book_id=l.book_id JOIN members m ON m.member_id=l.member_id WHERE m.first_name='Eve' AND l.returned_on IS NOT NULL"),
    ("library","Which members have the same last name?","SELECT a.first_name, b.first_name, a.last_name FROM members a JOIN members b ON a.last_name=b.last_name AND a.member_id < b.member_id"),
    ("library","How old were the authors when their books appeared?","SELECT a.full_name, b.title, b.year - a.born AS age FROM authors a JOIN books b ON b.author_id=a.author_id"),
    ("library","What are the titles of books by Le Guin or Calvino?","SELECT b.title FROM books b JOIN authors a USING(author_id) WHERE a.full_name LIKE '%Le Guin' OR a.full_name LIKE '%Calvino'"),
    ("library","When is Dune available again?","SELECT l.loaned_on, l.returned_on FROM loans l JOIN books b ON b.book_id=l.book_id WHERE b.title='Dune' AND l.returned_on IS NULL"),
    ("library","Books published between 1965 and 1972","SELECT title FROM books WHERE year BETWEEN 1965 AND 1972 ORDER BY year"),
    ("library","Who has not borrowed anything since March 2026?","SELECT first_name, last_name FROM members WHERE member_id NOT IN (SELECT member_id FROM loans WHERE loaned_on >= '2026-03-01')"),
    ("library","What's the total number of loans per genre?","SELECT genre, COUNT(loan_id) AS loans FROM books LEFT JOIN loans USING (book_id) GROUP BY genre"),
    ("flights","Which city has two airports?","SELECT city FROM airports GROUP BY city HAVING COUNT(*) = 2"),
    ("flights","Which passengers have booked more than one flight?","SELECT passenger, COUNT(*) FROM bookings GROUP BY passenger HAVING COUNT(*) > 1"),
    ("flights","What is the cheapest fare from Rome?","SELECT MIN(b.fare) FROM bookings b JOIN flights f ON f.flight_no=b.flight_no WHERE f.origin='FCO'"),
    ("flights","List the routes of Northern Air with their duration in hours.","SELECT origin, destination, ROUND(minutes/60.0,1) AS hours FROM flights f JOIN airlines a ON a.id=f.airline_id WHERE a.name='Northern Air'"),
    ("flights","Which flights are not booked at all?","SELECT flight_no FROM flights EXCEPT SELECT flight_no FROM bookings"),
    ("flights","What does Hana fly, and where to?","SELECT b.flight_no, a.city FROM bookings b JOIN flights f USING(flight_no) JOIN airports a ON a.code=f.destination WHERE b.passenger='Hana'"),
    ("flights","Are there any flights over 8 hours?","SELECT flight_no FROM flights WHERE minutes > 480"),
    ("flights","How full is flight SW1?","SELECT 100.0*COUNT(b.id)/f.seats AS percent FROM flights f LEFT JOIN bookings b ON b.flight_no=f.flight_no WHERE f.flight_no='SW1'"),
    ("hr","How much do we pay in salaries in the Sales department?","SELECT SUM(salary) FROM employees WHERE department_id = (SELECT id FROM departments WHERE name='Sales')"),
    ("hr","Who has been with us the longest?","SELECT name FROM employees WHERE hired_on = (SELECT MIN(hired_on) FROM employees)"),
    ("hr","Rank everyone by salary","SELECT name, salary, DENSE_RANK() OVER (ORDER BY salary DESC) AS rank FROM employees"),
    ("hr","Which employees were hired in the last two years?","SELECT name FROM employees WHERE hired_on >= date('2026-11-21','-2 years')"),
    ("hr","What is the median salary?","SELECT AVG(salary) FROM (SELECT salary FROM employees ORDER BY salary LIMIT 2 - (SELECT COUNT(*) FROM employees) % 2 OFFSET (SELECT (COUNT(*) - 1) / 2 FROM employees))"),
    ("hr","How many employees does every manager have?","SELECT m.name, COUNT(*) AS reports FROM employees e JOIN employees m ON m.id=e.manager_id GROUP BY m.id"),
    ("hr","Which reasons for absence occur, and how often?","SELECT reason, COUNT(*) FROM absences GROUP BY reason"),
    ("hr","Who was sick in January?","SELECT DISTINCT e.name FROM employees e JOIN absences a ON a.employee_id=e.id WHERE a.reason='sick' AND a.day LIKE '____-01-%'"),
    ("hr","Pay gap between the best and the worst paid?","SELECT MAX(salary) - MIN(salary) FROM employees"),
    ("hr","Who has no manager?","SELECT name, title FROM employees WHERE manager_id IS NULL"),
    ("hr","Which departments have a budget under 400k?","SELECT name, budget FROM departments WHERE budget < 400000"),
    ("clinic","Which patients have been prescribed aspirin?","SELECT DISTINCT p.name FROM patients p JOIN visits v ON v.patient_id=p.id JOIN prescriptions r ON r.visit_id=v.id WHERE r.drug='aspirin'"),
    ("clinic","What did the visits cost per doctor and month?","SELECT d.name, strftime('%Y-%m', v.visited_at) AS month, SUM(v.cost) FROM visits v JOIN doctors d ON d.id=v.doctor_id GROUP BY d.id, month"),
    ("clinic","Which specialties do we offer?","SELECT DISTINCT specialty FROM doctors"),
    ("clinic","How many patients are women and how many are men?","SELECT sex, COUNT(*) FROM patients GROUP BY sex"),
    ("clinic","Which doctor saw no patients?","SELECT name FROM doctors d WHERE NOT EXISTS (SELECT * FROM visits v WHERE v.doctor_id = d.id)"),
    ("clinic","What was Sam's last diagnosis?","SELECT v.diagnosis FROM visits v JOIN patients p ON p.id=v.patient_id WHERE p.name='Sam' ORDER BY v.visited_at DESC LIMIT 1"),
    ("clinic","Who is the youngest patient?","SELECT name, birth_date FROM patients ORDER BY birth_date DESC LIMIT 1"),
    ("clinic","Which visits cost the most?","SELECT id, visited_at, cost FROM visits WHERE cost = (SELECT MAX(cost) FROM visits)"),
    ("clinic","Total dose of aspirin for every patient, in grams","SELECT p.name, SUM(r.dose_mg)/1000.0 AS grams FROM patients p JOIN visits v ON v.patient_id=p.id JOIN prescriptions r ON r.visit_id=v.id WHERE r.drug='aspirin' GROUP BY p.id"),
    ("clinic","Which cardiologists treat Sam?","SELECT DISTINCT d.name FROM doctors d JOIN visits v ON v.doctor_id=d.id JOIN patients p ON p.id=v.patient_id WHERE d.specialty='cardiology' AND p.name='Sam'"),
    ("clinic","Show visits on the 11th of May 2026","SELECT v.id, p.name, v.diagnosis FROM visits v JOIN patients p ON p.id = v.patient_id WHERE v.visited_at = '2026-05-11'"),
]  # fmt: skip

WRONG = [
    ("shop", "What did Ann order?", "SELECT id, placed_on, total FROM orders", "asked/name-ignored"),
    ("shop", "Which products cost more than 30?", "SELECT name FROM products", "asked/number-ignored"),
    ("shop", "Which customers have placed orders?", "SELECT name FROM customers", "asked/table-unused"),
    ("shop", "List the names of all customers.", "SELECT name FROM customers LIMIT 2", "asked/limit"),
    ("shop", "How many customers are there?", "SELECT name FROM customers", "asked/number"),
    ("shop", "Which customer has the highest order total?", "SELECT MAX(total) FROM orders", "asked/only-aggregate"),
    ("shop", "Which customers ordered something?",
     "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id", "asked/repeats-joined"),
    ("shop", "Which product is the most expensive?", "SELECT name FROM products", "asked/no-superlative"),
    ("shop", "What are the names of the customers who ordered in June 2026?",
     "SELECT customer_id FROM orders WHERE placed_on LIKE '2026-06%'", "asked/key-for-name"),
    ("shop", "Give only the names of the products.", "SELECT name, price FROM products", "asked/too-many"),
    ("library", "Which members have borrowed a book?",
     "SELECT m.last_name FROM members m JOIN loans l ON m.member_id = l.loan_id", "shape/unrelated-join"),
    ("shop", "How many customers have ordered?",
     "SELECT COUNT(c.id) FROM customers c JOIN orders o ON o.customer_id = c.id", "grain/fan-out"),
    ("shop", "How many products are there in each category?",
     "SELECT category, COUNT(*), name FROM products GROUP BY category", "shape/loose-group"),
    ("hr", "What is each department's total salary?",
     "SELECT d.name, SUM(e.salary) FROM departments d, employees e GROUP BY d.id", "shape/cartesian"),
]  # fmt: skip
