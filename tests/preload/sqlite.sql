-- sqlite.sql - a program for preload.sh.
--
-- SPDX-License-Identifier: MIT

create table t (id integer primary key, a integer, b text);
with recursive n (i) as
(select 1 union all select i + 1 from n where i < 150000)
insert into t (a, b)
select i * 7919 % 100003, printf('%.*c%d', i % 90, 'x', i) from n;
create index t_a on t (a);
create index t_b on t (b);
select count(*), sum(a), sum(length(b)) from t;
select a % 10, count(*), max(b) from t group by a % 10 order by 1;
select count(*) from t x join t y on x.a = y.a + 1;
update t set b = b || b where a % 3 = 0;
delete from t where a % 5 = 0;
select count(*), sum(length(b)) from t;
with w as (select a, row_number() over (order by b desc, id) r from t)
select a, r from w where r % 20000 = 1;
select length(group_concat(b, ',')) from t;
select hex(zeroblob(3)), length(zeroblob(30000000));
create view v as select a, count(*) n from t group by a having n > 1;
select count(*), sum(n) from v;
vacuum;
pragma integrity_check;
