-- tables.sql - work for sqlite3 in memory: inserts, indexes, joins, groups,
-- updates, deletes.  The driver puts the number of rows in place of @N@.
--
-- SPDX-License-Identifier: MIT

CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, city INTEGER);
CREATE TABLE sale (id INTEGER PRIMARY KEY, person INTEGER, amount INTEGER,
	note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @N@)
INSERT INTO person
	SELECT i, 'person-' || (i * 7919 % 100003), i * 31 % 97 FROM n;
WITH RECURSIVE n(i) AS
	(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * @N@)
INSERT INTO sale
	SELECT i, 1 + i * 104729 % @N@, i * 7 % 1000,
	    substr('a note of some length that is cut somewhere', 1, i % 40)
	FROM n;
COMMIT;
CREATE INDEX person_name ON person (name);
CREATE INDEX sale_person ON sale (person);
SELECT count(*), sum(amount) FROM sale JOIN person ON sale.person = person.id
	WHERE city < 50;
SELECT city, count(DISTINCT name), total(amount) FROM person
	JOIN sale ON sale.person = person.id GROUP BY city ORDER BY 3 DESC, 1
	LIMIT 5;
SELECT name, group_concat(note, '|') AS notes FROM person
	JOIN sale ON sale.person = person.id
	GROUP BY person.id ORDER BY length(notes) DESC, person.id LIMIT 3;
UPDATE sale SET note = note || '-' || amount WHERE id % 3 = 0;
DELETE FROM sale WHERE id % 5 = 0;
SELECT count(*), sum(length(note)) FROM sale;
SELECT a.name, count(*) FROM person a JOIN person b ON a.name = b.name
	GROUP BY a.name ORDER BY 2 DESC, 1 LIMIT 3;
