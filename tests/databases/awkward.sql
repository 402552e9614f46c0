-- One database with everything that makes a backup, a comparison or a restore stumble.
--
-- Loaded by a superuser, in one go, into a new UTF8 database made from template0; PostgreSQL 14 or newer. What a server
-- lacks (ICU, libxml, a newer version's syntax) is left out quietly. The same rows on every load. pg_dump and pg_restore
-- carry all of it to another database of the same cluster without a complaint.
--
-- Roles belong to the cluster: awkward_* are made once, may not log in, and are left behind.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['awkward_owner', 'awkward_reader', 'awkward_writer', 'awkward_Mixed "Role" 100%'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null;  -- another session made it a moment ago
            end;
        end if;
    end loop;
end
$$;


-- Schemas ------------------------------------------------------------------------------------------------------------

create schema awkward authorization awkward_owner;
create schema "Mixed Case";
create schema "schema.with.dots" authorization "awkward_Mixed ""Role"" 100%";
create schema "select";
create schema empty;

comment on schema awkward is E'First line\nsecond line with ''quotes'', "double quotes", a \\ and 100 %';
comment on schema public is 'Not the comment that every new database has';

grant usage on schema awkward to awkward_reader, awkward_writer;
grant usage, create on schema "Mixed Case" to awkward_writer with grant option;
grant create on schema public to awkward_writer;


-- Types --------------------------------------------------------------------------------------------------------------

create type awkward.mood as enum ('sad', 'ok', 'happy', 'it''s "quoted", \ and 100%');
alter type awkward.mood add value 'so-so' before 'ok';       -- sort order 1.5: a restore renumbers it; no row may use it yet
alter type awkward.mood rename value 'sad' to 'Sad';
alter type awkward.mood owner to awkward_owner;
create type awkward.no_values as enum ();

create domain awkward.positive as integer check (value > 0);
create domain awkward.small_positive as awkward.positive default 1 constraint "less than 100" check (value < 100);
create domain awkward.word as varchar(20) collate "C" not null constraint one_word check (value !~ '\s');
create domain awkward.choice as varchar check (value in ('a', 'b', 'c'));
create domain awkward.even as integer;

create type awkward.place as (street text, "Number" integer, spot point);
create type awkward."Nested" as (place awkward.place, moods awkward.mood[], " " integer);

create function awkward.distance(a double precision, b double precision) returns double precision
    language sql immutable strict parallel safe as 'select a - b';
create type awkward.span as range (subtype = double precision, subtype_diff = awkward.distance, multirange_type_name = awkward.spans);
create type awkward.words as range (subtype = text, collation = "C");

comment on type awkward.mood is 'Multi-line
comment on a type';
comment on domain awkward.positive is 'Domain''s comment';
comment on constraint "less than 100" on domain awkward.small_positive is 'constraint of a domain';
grant usage on type awkward.mood to awkward_reader;
revoke usage on type awkward.place from public;

create collation awkward.plain from "C";

do $$
begin
    create collation awkward.ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    -- 'e' and 'E' are equal here, and still two different rows.
    create table awkward.nondeterministic (id integer primary key, name text collate awkward.ignoring_case);
    insert into awkward.nondeterministic values (1, 'Été'), (2, 'été'), (3, 'ÉTÉ'), (4, 'ete'), (5, null);
    create index nondeterministic_name on awkward.nondeterministic (name);
    create table awkward.nondeterministic_key (name text collate awkward.ignoring_case primary key);
    insert into awkward.nondeterministic_key values ('Alpha'), ('beta'), ('GAMMA');
    create table awkward.natural_order (name text collate "und-x-icu" primary key);
    insert into awkward.natural_order values ('a'), ('B'), ('ä'), ('Z'), ('z');
exception when feature_not_supported then
    null;  -- built without ICU
end
$$;


-- Names --------------------------------------------------------------------------------------------------------------

create table "Mixed Case"."Table" ("Id" integer primary key, "id" integer, "ID" integer);
create table "Mixed Case"."with ""double"" and 'single' quotes" ("a ""b"" c" integer primary key, "it's" text);
create table "Mixed Case"."with spaces, dots. and; semicolons" ("a.b" integer primary key, " leading" text, "trailing " text);
create table "Mixed Case"."$dollar$ $$ $1" ("$1" integer primary key, "$body$" text);
create table "Mixed Case"."100% {braces} {0} %s %(name)s :name ?" ("%s" integer primary key, "{}" text, ":name" text, "?" text);
create table "Mixed Case"."--help" ("-h" integer primary key, "--" text, "/* not a comment" text);
create table "Mixed Case"."*.?[a-z]|(x)+" ("*" integer primary key);
create table "Mixed Case"."back\slash\n" ("\" integer primary key, "\N" text, "\." text);
create table "Mixed Case"."Ünïcödé 表 🖋" ("clé" integer primary key, "🖋" text, "ключ" text);
create table "Mixed Case".U&"line\000Abreak and\0009tab" (U&"new\000Aline" integer primary key);
create table "Mixed Case".abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi (
    abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi serial primary key,
    abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghj integer unique
);
create table "Mixed Case"."ééééééééééééééééééééééééééééééé." ("n°" integer primary key);  -- 63 bytes, 32 characters
create table "select"."table" ("order" integer primary key, "user" text, "from" text, "null" text, "default" text default 'default');
create table "select"."user" ("select" integer primary key references "select"."table" ("order"));
create table "schema.with.dots"."table.with.dots" ("column.with.dots" integer primary key);
create table "schema.with.dots"."table" (id integer primary key);
create table public."table" (id integer primary key, tableoid_ oid, row_number integer, digest text, "t" text, "count" bigint);
create table public."t" ("t" text);
create table public."pg_class" ("oid" integer primary key, relname text);  -- hidden by the real one unless it is qualified

insert into "Mixed Case"."Table" values (1, 2, 3), (4, null, 6);
insert into "Mixed Case"."with ""double"" and 'single' quotes" values (1, 'it''s');
insert into "Mixed Case"."with spaces, dots. and; semicolons" values (1, ' leading', 'trailing ');
insert into "Mixed Case"."$dollar$ $$ $1" values (1, '$1 $$ $body$');
insert into "Mixed Case"."100% {braces} {0} %s %(name)s :name ?" values (1, '{}', ':name', '?');
insert into "Mixed Case"."--help" values (1, '--', '/*');
insert into "Mixed Case"."*.?[a-z]|(x)+" values (1);
insert into "Mixed Case"."back\slash\n" values (1, '\N', '\.');
insert into "Mixed Case"."Ünïcödé 表 🖋" values (1, '🖋', 'ключ');
insert into "Mixed Case".U&"line\000Abreak and\0009tab" values (1);
insert into "Mixed Case".abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi default values;
insert into "Mixed Case"."ééééééééééééééééééééééééééééééé." values (1);
insert into "select"."table" values (1, 'user', 'from', 'NULL', default), (2, null, null, null, 'x');
insert into "select"."user" values (2);
insert into "schema.with.dots"."table.with.dots" values (1);
insert into public."table" values (1, 1, 1, 'd', 't', 1);
insert into public."t" values ('t'), (null);
insert into public."pg_class" values (1, 'not the catalog');

comment on table "Mixed Case"."--help" is '-- not a comment; drop table "Mixed Case"."--help"; /*';
comment on column "Mixed Case"."100% {braces} {0} %s %(name)s :name ?"."{}" is '100% {braces} $1';


-- Values -------------------------------------------------------------------------------------------------------------

create table awkward.numbers (
    id integer primary key, f4 real, f8 double precision, n numeric, n2 numeric(10, 2), i2 smallint, i8 bigint, m money
);
insert into awkward.numbers values
    (1, 'NaN', 'NaN', 'NaN', 'NaN', -32768, -9223372036854775808, '-92233720368547758.08'),
    (2, 'infinity', '-infinity', 'infinity', 0, 32767, 9223372036854775807, '92233720368547758.07'),
    (3, '-0', '-0', '-0', '-0', 0, 0, '0'),
    (4, 0, 0, '0.000', 0, 0, 0, '0.00'),
    (5, 0.1, 0.1, '1.0', 1, 1, 1, '1'),          -- 1.0 and 1.00 are equal, and are written differently
    (6, 3.4028235e38, 1.7976931348623157e308, '1.00', 1, 1, 1, '1'),
    (7, 1e-45, 5e-324, 1e-16000, -99999999.99, null, null, null),
    (8, 16777217, 0.1::float8 + 0.2::float8, 123456789012345678901234567890.123456789, 0.01, 1, 9007199254740993, '12.34');

create table awkward.moments (
    id integer primary key, d date, ts timestamp, tz timestamptz, ts0 timestamptz(0), t time, ttz timetz, i interval, iy interval year to month
);
insert into awkward.moments values
    (1, 'infinity', 'infinity', 'infinity', '-infinity', '24:00', '24:00+00', '1 mon', '14 mons'),
    (2, '-infinity', '-infinity', '-infinity', 'infinity', '00:00', '00:00-15:59', '30 days', null),   -- equal to one month
    (3, '4713-01-01 BC', '4713-01-01 BC', '4713-01-02 00:00+00 BC', '0001-01-01 00:00+00 BC', '12:00', '12:00+02', '720:00:00', null),
    (4, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '2026-02-23 12:00:00.5+00', '23:59:59.999999', '12:00+01', '-1 mon +1 day -00:00:00.000001', null),
    (5, '2025-10-26', '2025-10-26 02:30', '2025-10-26 02:30+02', '2025-10-26 02:30+01', '02:30', '10:00+00', '0', '0'),  -- the hour that happens twice
    (6, '2024-02-29', '2024-02-29', '2016-12-31 23:59:60+00', null, null, '11:00+01', '178000000 years', null);

create table awkward.texts (id integer primary key, t text, v varchar(10), c char(5), b "char", n name, by bytea);
insert into awkward.texts values
    (1, '', '', '', 'a', '', ''),
    (2, null, null, null, null, null, null),
    (3, 'NULL', 'null', 'null', '\', 'NULL', '\x00'),
    (4, '\N', '\.', '\N', ' ', '\N', '\x5c4e0a'),
    (5, E'tab\tnewline\nreturn\rfeed\fvertical\v\\.\nend', E'\t\n\r', E'\n', E'\n', E'\n', '\x090a0d0c0b5c2e0a'),
    (6, ' spaces ', 'a  ', 'a', 'b', ' x ', '\x2020'),
    (7, U&'e\0301 is not \00e9', U&'e\0301', U&'\00e9', 'c', U&'\00e9', '\xc3a9'),
    (8, U&'\+01F58B \200B \FEFF \202E right to left', 'Straße', 'ﬀ', 'd', 'ﬀ', decode(repeat('00ff', 100), 'hex')),
    (9, '''"`;--/*$$%s{}', '''"`', '$$', '''', '"', '\xdeadbeef'),
    (10, U&'\0001\0002\001F\007F\0080\FFFD', 'x', 'x', 'x', 'x', '\xfffefdfc');

create table awkward.large_values (id integer primary key, body text, bytes bytea);
alter table awkward.large_values alter column bytes set storage external;
insert into awkward.large_values
select n, string_agg(md5((n * 100000 + part)::text), '' order by part), decode(string_agg(md5((n * 200000 + part)::text), '' order by part), 'hex')
from generate_series(1, 3) n, generate_series(1, 32768) part
group by n;
insert into awkward.large_values values (4, repeat('a', 3000000), '\x');

create table awkward.documents (id integer primary key, j json, jb jsonb, jp jsonpath);
insert into awkward.documents values
    (1, '{"b": 1, "a": 1, "a": 2}', '{"b": 1, "a": 1, "a": 2}', '$.a'),
    (2, '{ "a" :1.0 }', '{"a": 1.0}', '$."a b"[*] ? (@.x > 1.0)'),
    (3, '{"a":1.00}', '{"a": 1.00}', 'strict $[0 to last]'),   -- equal as jsonb to the row before
    (4, 'null', 'null', null),
    (5, null, null, null),
    (6, '"\u00e9\ud83d\udd8b \" \\ \/"', '"\u00e9\ud83d\udd8b \" \\ \/"', '$.**'),
    (7, '[1e400, -0, 0.1e1, 12345678901234567890123]', '[1e400, -0, 0.1e1, 12345678901234567890123]', '$'),
    (8, E'[\n 1,\t2 ]', '[]', '$[*]');

create table awkward.arrays (
    id integer primary key, i integer[], t text[], f double precision[], n numeric[], j json[], jb jsonb[], p awkward.place[],
    m awkward.mood[], d awkward.small_positive[], r int4range[], fixed integer[3][3], by bytea[], ts timestamptz[]
);
insert into awkward.arrays values
    (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
    (2, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (3, '{1,NULL,3}', '{"NULL",NULL,""," ","a,b","{","\"","\\"}', '{NaN,-0,0,Infinity,0.1,1e-300}', '{1.0,1.00,NaN}',
     array['{"a":  1}'::json, null, '1.0'], array['{"a": 1.0}'::jsonb, '{"a": 1.00}'],
     array[('rue "x", \ 5', 5, '(1,2)')::awkward.place, null, row(null, null, null)::awkward.place],
     array['Sad', 'ok', 'it''s "quoted", \ and 100%']::awkward.mood[], '{1,99}', array['[1,5)'::int4range, 'empty', '(,)'],
     '{{1,2},{3,4}}', array['\x00'::bytea, '\x5c'], array['infinity'::timestamptz, null]),
    (4, '[-2:0]={1,2,3}', '[0:1][5:6]={{a,b},{c,d}}', '[2:2]={-0}', null, null, null, null, null, null, null, '{1,2,3,4,5}', null, null);

create table awkward.composites (id integer primary key, place awkward.place, nested awkward."Nested", whole awkward.texts);
insert into awkward.composites values
    (1, ('rue', 1, '(0,-0)'), row(('"', null, null), array['ok']::awkward.mood[], 7), null),
    (2, row(null, null, null), null, row(1, E'a\n"b"', '', '', 'x', 'n', '\x00')),     -- "is null" is true, and it is not the same as NULL
    (3, null, row(null, null, null), row(null, null, null, null, null, null, null));

create table awkward.ranges (
    id integer primary key, i4 int4range, num numrange, ts tstzrange, d daterange, s awkward.span, w awkward.words,
    i4m int4multirange, tsm tstzmultirange, sm awkward.spans
);
insert into awkward.ranges values
    (1, '[1,10]', '[1.0,2.00)', '[2025-01-01 00:00+00,infinity)', '(,2025-01-01]', '[-0,NaN]', '["a b","c,d")', '{[1,3),[5,7)}', '{}', '{[0,1],(2,3)}'),
    (2, 'empty', '(,)', '(,)', 'empty', 'empty', '["",a]', '{}', '{(,)}', '{}'),
    (3, null, null, null, null, null, null, null, null, null);

create table awkward.shapes (
    id integer primary key, pt point, ln line, ls lseg, bx box, pa path, po polygon, ci circle
);
insert into awkward.shapes values
    (1, '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),1>'),
    (2, '(-0,NaN)', '{0,-1,0}', '[(1,1),(0,0)]', '(0,0),(1,1)', '((0,0),(1,1))', '((0,0))', '<(0.1,1e-300),0>'),
    (3, '(infinity,1e300)', null, null, null, null, null, null);

create table awkward.networks (id integer primary key, i inet, c cidr, m macaddr, m8 macaddr8);
insert into awkward.networks values
    (1, '192.0.2.1', '192.0.2.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
    (2, '192.0.2.1/24', '192.0.2.1/32', '08-00-2b-01-02-03', '0800.2b01.0203.0405'),
    (3, '::1', '2001:db8::/32', null, null),
    (4, '::ffff:192.0.2.1/128', '::/0', null, null);

create table awkward.bits (id integer primary key, b bit(5), v bit varying, u uuid);
insert into awkward.bits values (1, B'00101', B'', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), (2, B'11111', B'0000000000000000000000000000000001', null), (3, null, X'1FF', null);

create table awkward.searches (id integer primary key, v tsvector, q tsquery);
insert into awkward.searches values
    (1, 'a:1A,2B fat:3 ''it''''s'':4C', 'fat & !(cat | ''it''''s'':AB) <2> rat:*'), (2, '', ''), (3, null, null),
    (4, to_tsvector('simple', 'un deux trois'), to_tsquery('simple', 'un & deux'));

-- Types of the system's own: some have no order, some no equality, some name other objects.
create table awkward.internals (
    id integer primary key, o oid, x xid, x8 xid8, c cid, t tid, l pg_lsn, s pg_snapshot, rc regclass, rp regprocedure, rt regtype,
    ro regoperator, rr regrole, rn regnamespace, cfg regconfig, iv int2vector, ov oidvector
);
insert into awkward.internals values
    (1, 4294967295, '4294967295', '18446744073709551615', '1', '(0,1)', 'FFFFFFFF/FFFFFFFF', '10:20:10,14,15', 'awkward.numbers',
     'awkward.distance(double precision, double precision)', 'awkward.mood[]', '!~~*(text,text)', 'awkward_owner', '"Mixed Case"', 'french', '1 2', '1 2 3'),
    (2, 0, '0', '0', '0', '(4294967295,65535)', '0/0', '1:1:', '-', '-', '-', '0', '-', '-', '-', '', '');

do $$
begin
    execute $query$select '<a/>'::xml$query$;
    create table awkward.markup (id integer primary key, x xml);
    insert into awkward.markup values (1, '<a b="c">d &amp; e</a>'), (2, '<?xml version="1.0"?><!DOCTYPE a><a/>'), (3, 'not <b>a</b> document'), (4, ''), (5, null);
exception when feature_not_supported then
    null;  -- built without libxml
end
$$;


-- Tables without an identity -----------------------------------------------------------------------------------------

create table awkward.empty_table (id integer primary key, t text);
create table awkward.without_columns ();
insert into awkward.without_columns default values;
insert into awkward.without_columns default values;
insert into awkward.without_columns default values;
create table awkward.without_columns_or_rows ();
create table awkward.columns_gone (a integer, b text);
insert into awkward.columns_gone values (1, 'x'), (2, 'y');
alter table awkward.columns_gone drop column a, drop column b;

create table awkward.duplicates (a integer, b text, c json);
insert into awkward.duplicates values (1, 'x', '{}'), (1, 'x', '{}'), (1, 'x', '{}'), (null, null, null), (null, null, null), (2, '', '[]');

create table awkward.all_null (a integer, b text, c jsonb);
insert into awkward.all_null select null, null, null from generate_series(1, 5);

-- More columns than a function takes arguments.
do $$
begin
    execute 'create table awkward.wide (id integer primary key, '
        || (select string_agg(format('c%s %s', n, (array['integer', 'text', 'numeric(8,2)', 'boolean'])[1 + n % 4]), ', ' order by n) from generate_series(1, 300) n) || ')';
    insert into awkward.wide (id, c4, c300) values (1, 4, 300), (2, null, null);
end
$$;


-- Columns with a life of their own -----------------------------------------------------------------------------------

create table awkward.evolved (gone_first text, id integer primary key, gone_middle integer, kept text, gone_last date);
insert into awkward.evolved values ('x', 1, 1, 'one', '2025-01-01'), ('y', 2, 2, 'two', null);
alter table awkward.evolved drop column gone_middle;
alter table awkward.evolved drop column gone_first;
alter table awkward.evolved add column added_later text not null default 'never written into the rows above';
alter table awkward.evolved add column added_moment timestamptz default '2025-10-26 02:30+02';
alter table awkward.evolved drop column gone_last;
alter table awkward.evolved rename column kept to renamed;
alter table awkward.evolved add column last_one integer default 1 + 1 * 2;
insert into awkward.evolved (id, renamed, added_later) values (3, 'three', 'written');

create table awkward.generated (
    id integer primary key,
    net numeric(8, 2),
    "Rate %" numeric(4, 2) default 20.00,
    gross numeric generated always as (net * (1 + "Rate %" / 100)) stored,
    label varchar(20),
    shouted text generated always as (upper((label)::text) || '!') stored,
    is_known boolean generated always as (label in ('a', 'b')) stored
);
insert into awkward.generated (id, net, label) values (1, 10.00, 'a'), (2, null, null), (3, 0.01, 'z');
create table awkward.only_generated (answer integer generated always as (42) stored);
insert into awkward.only_generated default values;

create table awkward.identities (
    always_one bigint generated always as identity (start with 100 increment by 10 maxvalue 100000 cycle) primary key,
    by_default smallint generated by default as identity (minvalue -5 start with -5),
    note text
);
insert into awkward.identities (note) values ('a'), ('b');
insert into awkward.identities overriding system value values (7, 7, 'out of order');

create table awkward.defaults (
    id serial primary key,
    "when" timestamptz default now(),
    "day" date default ('now'::text)::date,
    who name default current_user,
    mood awkward.mood default 'ok',
    list integer[] default '{1,2}',
    place awkward.place default row('rue', 1, '(0,0)'),
    body jsonb default '{"a": 1.0}',
    bits bit(3) default B'101',
    span tstzrange default '[2025-01-01 00:00+00,)',
    price numeric default 1.00,
    "timeout" interval default '1 day 02:00',
    "it's" text default E'it''s\n"x" \\',
    later bigint default nextval('awkward.defaults_id_seq')
);
insert into awkward.defaults ("when", "day", who) values ('2025-01-01 00:00+00', '2025-01-01', 'somebody');

create table awkward.domains (id awkward.positive primary key, s awkward.small_positive, w awkward.word default 'w', c awkward.choice, e awkward.even);
insert into awkward.domains values (1, default, default, 'a', 2), (2, 99, 'word', null, 3);
alter domain awkward.even add constraint is_even check (value % 2 = 0) not valid;  -- the 3 above stays

create table awkward.ordered_by_bytes (name text collate "C" primary key, other varchar(10) collate "POSIX", third text collate awkward.plain);
insert into awkward.ordered_by_bytes values ('a', 'B', 'c'), ('B', 'a', 'C'), ('é', 'e', 'É'), ('Z', null, null);

create table awkward.typed of awkward.place (street not null default 'rue', primary key ("Number"));
insert into awkward.typed values ('rue', 1, '(1,1)');

create table awkward.tuned (
    id integer primary key with (fillfactor = 70), body text, bytes bytea, code text
) with (fillfactor = 60, autovacuum_enabled = false, toast_tuple_target = 256, toast.autovacuum_vacuum_scale_factor = 0.05, parallel_workers = 3);
alter table awkward.tuned alter column body set statistics 1000, alter column body set storage external, alter column bytes set storage main,
    alter column bytes set compression pglz, alter column code set (n_distinct = -0.5, n_distinct_inherited = 5);
insert into awkward.tuned select n, repeat(md5(n::text), 200), decode(md5(n::text), 'hex'), (n % 3)::text from generate_series(1, 20) n;
create index tuned_code on awkward.tuned (lower(code)) with (fillfactor = 50);
alter index awkward.tuned_code alter column 1 set statistics 500;
alter table awkward.tuned cluster on tuned_pkey;
alter table awkward.tuned replica identity full;

create unlogged table awkward.unlogged (id integer primary key, t text);
insert into awkward.unlogged values (1, 'gone after a crash'), (2, null);


-- Partitions and inheritance -----------------------------------------------------------------------------------------

create table awkward.events (id bigint generated by default as identity, region text not null, at timestamptz not null, body jsonb, primary key (id, region, at))
    partition by list (region);
create table awkward.events_north partition of awkward.events for values in ('north', 'North', 'it''s "north"') partition by range (at);
create table awkward.events_north_2025 partition of awkward.events_north for values from ('2025-01-01 00:00+00') to ('2026-01-01 00:00+00') partition by hash (id);
create table awkward.events_north_2025_0 partition of awkward.events_north_2025 for values with (modulus 2, remainder 0);
create table awkward.events_north_2025_1 partition of awkward.events_north_2025 for values with (modulus 2, remainder 1);
create table awkward.events_north_rest partition of awkward.events_north default;
create table awkward.events_south partition of awkward.events for values in ('south', 'SOUTH') with (fillfactor = 80);
create table awkward."Events elsewhere" partition of awkward.events default;
create table awkward.events_empty partition of awkward.events for values in ('nowhere');
create index events_at on awkward.events (at desc nulls last);
create index events_south_body on awkward.events_south using gin (body jsonb_path_ops);
insert into awkward.events (id, region, at, body)
select n, (array['north', 'South', 'south', 'North', 'east'])[1 + n % 5], timestamptz '2024-12-20 00:00+00' + make_interval(hours => n * 100), jsonb_build_object('n', n)
from generate_series(1, 60) n;
select setval('awkward.events_id_seq', 60);

-- Attached later, with its columns in another order and one dropped.
create table awkward.events_attached (body jsonb, gone integer, at timestamptz not null, region text not null, id bigint not null);
alter table awkward.events_attached drop column gone;
insert into awkward.events_attached (id, region, at, body) values (1001, 'attached', '2025-05-05 05:05+00', '{"attached": true}');
alter table awkward.events attach partition awkward.events_attached for values in ('attached');

-- Detached: its own table again, with what it was once checked for.
create table awkward.events_detached partition of awkward.events for values in ('detached');
insert into awkward.events (id, region, at) values (2001, 'detached', '2025-06-06 06:06+00');
alter table awkward.events detach partition awkward.events_detached;
alter table awkward.events_detached add constraint was_a_partition check (region is not null and region = 'detached');

create table awkward.measures (at date, value numeric) partition by range (date_part('year', at), value);
create table awkward.measures_low partition of awkward.measures for values from (minvalue, minvalue) to (2025, 0);
create table awkward.measures_high partition of awkward.measures for values from (2025, 0) to (maxvalue, maxvalue);
insert into awkward.measures values ('2024-05-05', 1.0), ('2025-05-05', 1.00), ('2025-05-05', -1);
create table awkward.no_partitions (id integer) partition by hash (id);

create table awkward.animals (id integer, name varchar(20) check (name <> ''), legs integer default 4, constraint parent_only check (id < 1000) no inherit);
create table awkward.swimmers (fins integer);
create table awkward.birds (wings integer default 2) inherits (awkward.animals);
create table awkward.penguins (legs integer default 2) inherits (awkward.birds, awkward.swimmers);
alter table awkward.birds alter column legs set default 2;
insert into awkward.animals values (1, 'cat', 4), (2, 'dog', 4);     -- rows of the parent itself
insert into awkward.swimmers values (2);
insert into awkward.birds values (1001, 'sparrow', 2, 2);
insert into awkward.penguins (id, name) values (1002, 'emperor');


-- Keys, references, checks, indexes ----------------------------------------------------------------------------------

create table awkward.chickens (id integer primary key, egg integer not null);
create table awkward.eggs (id integer primary key, chicken integer not null references awkward.chickens deferrable initially deferred);
alter table awkward.chickens add constraint chickens_egg_fkey foreign key (egg) references awkward.eggs deferrable initially deferred;
insert into awkward.chickens values (1, 1), (2, 2);
insert into awkward.eggs values (2, 2), (1, 1);
set constraints all immediate;
set constraints all deferred;

create table awkward.tree (
    id integer primary key, parent integer references awkward.tree on delete cascade on update set null, unique (id, parent)
);
insert into awkward.tree values (3, null), (2, 3), (1, 2), (4, 4);
create table awkward.branches (
    a integer, b integer, "C" integer default 0,
    constraint "both or none" foreign key (a, b) references awkward.tree (id, parent) match full deferrable
);
insert into awkward.branches values (1, 2), (null, null);

create table awkward.orphans (id integer primary key, parent integer);
insert into awkward.orphans values (1, 3), (2, 999), (3, null);
alter table awkward.orphans add constraint orphans_parent_fkey foreign key (parent) references awkward.tree not valid;
alter table awkward.orphans add constraint small_ids check (id < 3) not valid;
create table awkward.event_notes (id bigint, region text, at timestamptz, foreign key (id, region, at) references awkward.events);
insert into awkward.event_notes select id, region, at from awkward.events order by id limit 3;

create table awkward.checked (
    id integer,
    status varchar(10) check (status in ('new', 'old')),                      -- restored with its casts in another place
    kind varchar(10) constraint "kind is ""known""" check (kind = any (array['a', 'b']::varchar[])),
    code char(3) check (code in ('abc', 'xyz')),
    day date check (day between '2025-01-01' and '2025-12-31' and extract(isodow from day) not in (6, 7)),
    amount numeric check (amount >= 0 and amount <> 'NaN'),
    low integer, high integer,
    tags text[] check (cardinality(tags) <= 3 and not ('' = any (tags))),
    body jsonb check (body ? 'a' or body @> '{}'),
    mood awkward.mood check (mood > 'Sad'),
    unique (low, high) deferrable initially deferred,
    constraint checked_key primary key (id) include (low),
    constraint "low < high" check (low < high),
    check (case when low > 0 then high is not null else true end),
    check ((low is null) = (high is null))
);
insert into awkward.checked values (1, 'new', 'a', 'abc', '2025-01-01', 1.00, 1, 2, '{a}', '{"a": 1}', 'ok'), (2, null, null, null, null, null, null, null, null, null, null);
comment on constraint "low < high" on awkward.checked is 'low''s comment';

create table awkward.bookings (
    id integer primary key, during tstzrange not null, spot box, cancelled boolean not null default false,
    constraint no_overlap exclude using gist (during with &&) where (not cancelled),
    exclude using gist (spot with &&) deferrable initially deferred
);
insert into awkward.bookings values
    (1, '[2025-01-01 10:00+00,2025-01-01 11:00+00)', '(1,1),(0,0)', false), (2, '[2025-01-01 11:00+00,2025-01-01 12:00+00)', '(3,3),(2,2)', false),
    (3, '[2025-01-01 10:30+00,2025-01-01 10:45+00)', null, true);

create table awkward.indexed (id integer primary key, name varchar(50), city text, body jsonb, spot point, words tsvector, at timestamptz, price numeric, flags integer[]);
create unique index indexed_name_lower on awkward.indexed (lower(name::text)) where name is not null and city <> 'it''s';
create index indexed_desc on awkward.indexed (city collate "C" desc nulls last, name text_pattern_ops) include (price);
create index indexed_expression on awkward.indexed ((body ->> 'a'), (price * 1.20)) where price > 0;
create index indexed_gin on awkward.indexed using gin (body jsonb_path_ops, flags) with (fastupdate = off);
create index indexed_gist on awkward.indexed using gist (spot, words tsvector_ops (siglen = 64)) with (buffering = on);
create index indexed_brin on awkward.indexed using brin (at timestamptz_minmax_multi_ops, id int4_bloom_ops (n_distinct_per_range = 16)) with (pages_per_range = 4);
create index indexed_spgist on awkward.indexed using spgist (spot);
create index indexed_hash on awkward.indexed using hash (city);
create index "Indexed 100%" on awkward.indexed ((at at time zone 'UTC')) where city in ('a', 'b') and name in ('x', 'y');
insert into awkward.indexed
select n, 'Name ' || n, (array['a', 'B', null])[1 + n % 3], jsonb_build_object('a', n), point(n, -n), to_tsvector('simple', 'w' || n), timestamptz '2025-01-01 00:00+00' + make_interval(hours => n), n * 0.10, array[n, n + 1]
from generate_series(1, 50) n;
comment on index awkward."Indexed 100%" is 'index''s comment';

create table awkward.identified (id integer not null, code text not null);
create unique index identified_code on awkward.identified (code);
alter table awkward.identified replica identity using index identified_code;
insert into awkward.identified values (1, 'a'), (1, 'b');

create statistics awkward.checked_stats (ndistinct, dependencies, mcv) on status, kind, code from awkward.checked;
create statistics awkward."Expression Stats" on lower(name::text), (name in ('x', 'y')) from awkward.indexed;
alter statistics awkward.checked_stats set statistics 50;
alter statistics awkward.checked_stats owner to awkward_owner;
comment on statistics awkward.checked_stats is 'statistics'' comment';


-- Sequences ----------------------------------------------------------------------------------------------------------

create sequence awkward.unowned;
create sequence awkward.never_used start with 5;
create sequence awkward.set_but_not_called; select setval('awkward.set_but_not_called', 77, false);
create sequence awkward.downwards increment by -3 minvalue -100 maxvalue 100 start with 50; select nextval('awkward.downwards'), nextval('awkward.downwards');
create sequence awkward.cycling as smallint minvalue 1 maxvalue 3 cycle; select setval('awkward.cycling', 3);
create sequence awkward.cached cache 50; select nextval('awkward.cached');
create sequence awkward.near_the_end maxvalue 9223372036854775807; select setval('awkward.near_the_end', 9223372036854775806);
create sequence awkward.exhausted as integer maxvalue 10; select setval('awkward.exhausted', 10);
create sequence "Mixed Case"."Sequence ""quoted"" 100%" owned by "Mixed Case"."Table"."Id"; select setval('"Mixed Case"."Sequence ""quoted"" 100%"', 4);
alter sequence awkward.unowned owner to awkward_owner;
grant usage on sequence awkward.unowned to awkward_reader;
comment on sequence awkward.downwards is 'sequence''s comment';


-- Functions, operators, casts ----------------------------------------------------------------------------------------

create function awkward.add(a integer, b integer default 1 + 1) returns integer
    language sql immutable leakproof parallel safe cost 5 as 'select a + b';
create function awkward.add(a text, b text default 'it''s', variadic c text[] default '{}') returns text
    language sql stable strict as $_$ select a || b || '$1 $$ %' || array_to_string(c, ',') $_$;
create function awkward.add(inout a numeric, out "Total %" numeric, b numeric default 0.10)
    language plpgsql volatile security definer set search_path = awkward, "Mixed Case", pg_temp set work_mem to '8MB' as $function$
begin
    -- $$ and $body$ and 'quotes' and "quotes" and \ stay as they are
    "Total %" := a + b;
    raise debug 'total 100%%';
end;
$function$;
create function awkward.standard_body(after integer) returns table (id integer, name varchar)
    language sql stable rows 7
begin atomic
    select animal.id, animal.name from awkward.animals animal where animal.id > after and animal.name in ('cat', 'dog') order by 1;
end;
create function awkward.set_of() returns setof awkward.place language sql as $$ select 'rue'::text, 1, '(0,0)'::point $$;
create function awkward.untyped() returns record language plpgsql as $$ begin return row(1, 'a'); end $$;
create function awkward.anything(anyelement, anyarray default null) returns anyelement language sql as 'select $1';
create procedure awkward.tidy(inout removed integer, "Name" text default E'a\n''b''')
    language plpgsql as $$ begin delete from awkward.all_null where b = "Name"; get diagnostics removed = row_count; end $$;
create aggregate awkward.product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1', parallel = safe, combinefunc = numeric_mul);

create function awkward.same_word(a text, b text) returns boolean language sql immutable strict parallel safe
    as $$ select lower(a) = lower(b) $$;
create operator awkward.=~~= (leftarg = text, rightarg = text, function = awkward.same_word, commutator = operator(awkward.=~~=), restrict = eqsel, join = eqjoinsel);
create function awkward.reversed(a integer, b integer) returns integer language sql immutable strict parallel safe
    as $$ select case when a > b then -1 when a < b then 1 else 0 end $$;
create operator class awkward.reversed_ops for type integer using btree
    as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 awkward.reversed(integer, integer);
create table awkward.backwards (id integer);
insert into awkward.backwards values (2), (1), (3);
create index backwards_id on awkward.backwards (id awkward.reversed_ops);

create function awkward.to_mood(integer) returns awkward.mood language sql immutable strict
    as $$ select (enum_range(null::awkward.mood))[$1] $$;
create cast (integer as awkward.mood) with function awkward.to_mood(integer) as assignment;
create cast (awkward.place as text) with inout;

comment on function awkward.add(integer, integer) is 'function''s comment';
comment on operator awkward.=~~= (text, text) is 'operator''s comment';
comment on cast (integer as awkward.mood) is 'cast''s comment';
comment on aggregate awkward.product(numeric) is 'aggregate''s comment';
alter function awkward.add(text, text, text[]) owner to awkward_owner;
revoke execute on function awkward.add(integer, integer) from public;
grant execute on function awkward.add(integer, integer) to awkward_reader with grant option;
grant execute on procedure awkward.tidy(integer, text) to awkward_writer;
grant execute on function pg_catalog.pg_ls_waldir() to awkward_reader;  -- a right on an object of the system

create text search dictionary awkward.plain_words (template = simple, accept = false);
create text search configuration awkward."Search %" (copy = pg_catalog.french);
alter text search configuration awkward."Search %" alter mapping for asciiword, word with awkward.plain_words, french_stem;
alter text search configuration awkward."Search %" drop mapping for url;
comment on text search configuration awkward."Search %" is 'search''s comment';


-- Views --------------------------------------------------------------------------------------------------------------

create view awkward.simple_view as select * from awkward.evolved;
create view awkward.guarded with (security_barrier) as
    select id, name from awkward.indexed where city in ('a', 'b') and name in ('Name 1', 'Name 4') and price between 0 and 100;
create view awkward.updatable with (check_option = cascaded) as select id, status, kind from awkward.checked where status = 'new' or status is null;
create view awkward.updatable_locally as select id, kind from awkward.updatable where kind is distinct from 'b' with local check option;
create recursive view awkward.ancestry (id, ancestor, depth) as
    select tree.id, parent, 1 from awkward.tree where parent is not null
    union
    select ancestry.id, tree.parent, depth + 1 from ancestry join awkward.tree on tree.id = ancestor where tree.parent is not null and depth < 10;
create view awkward.grouped as select id, city, name, count(*) filter (where price > 1) as many from awkward.indexed group by id;  -- stands on the primary key
create view awkward."View ""quoted"" 100%" ("a b", "100%") as values (1, 'x'::text), (2, null) order by 1 desc;
create view awkward.elaborate as
    with recent as materialized (select * from awkward.events where at > timestamptz '2025-03-01 00:00+00' - interval '1 month')
    select distinct on (e.region) e.region, e.id, e.at at time zone 'Europe/Paris' as local_time,
           row_number() over w as place, lag(e.id, 2, 0::bigint) over (w rows between 1 preceding and current row exclude ties) as before,
           coalesce(n.id::text, 'none') as note, e.body ->> 'n' as n, e.body #> '{a,0}' as deep, extract(epoch from e.at) as epoch,
           case e.region when 'north' then 1 when 'south' then 2 else null end as code, nullif(e.region, '') as known,
           (select max(f) from unnest(array[1, 2, 3]) with ordinality as u (f, position)) as most,
           array(select g from generate_series(1, 3) g) as list, row(e.id, e.region)::text as pair, (e.body)::text like '%n%' as matches,
           e.region similar to 'n%|s%' as similar_to, e.region ~~* 'N%' as ilike, overlay(e.region placing 'X' from 1 for 1) as overlaid,
           trim(both ' ' from e.region) as trimmed, position('o' in e.region) as found, current_date - date '2025-01-01' > 0 as after,
           grouping_id.g
    from recent e
    left join awkward.event_notes n using (id, region, at)
    cross join lateral (select count(*) as g from (values (1), (2)) v (x) group by rollup (x) limit 1) grouping_id
    where not exists (select from awkward.tree t where t.id = e.id and t.id in (select id from awkward.branches))
      and (e.id, e.region) is distinct from (1, 'x') and e.region collate "C" > 'a' and e.id <> all (array[5, 6])
    window w as (partition by e.region order by e.at desc nulls last)
    order by e.region, e.at desc
    fetch first 5 rows with ties;
create view awkward.moods as select 'Sad'::awkward.mood as m, '{"a": 1.0}'::jsonb as j, '[1,5)'::int4range as r, 1.00 as n, -5 as minus, '-0'::float8 as zero, B'101' as b, null as nothing;
create view awkward.joined as select * from awkward.tree full join awkward.branches on tree.id = branches.a natural left join (select 1 as "C") one;
create view awkward.without_columns_view as select from awkward.without_columns;

create function awkward.on_view() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger instead instead of insert or update or delete on awkward.grouped for each row execute function awkward.on_view();

create materialized view awkward.totals as select city, count(*) as n, sum(price) as price from awkward.indexed group by city;
create unique index totals_city on awkward.totals (city);
create index totals_rounded on awkward.totals (round(price)) where n > 1;
create materialized view awkward.not_filled as select * from awkward.totals where n > 1 with no data;
create materialized view awkward.on_top with (fillfactor = 50) as select city, price / n as mean from awkward.totals order by city;
create materialized view awkward.stale as select count(*) as n from awkward.duplicates;
insert into awkward.duplicates values (3, 'made after the view', '{}');   -- a restore fills the view anew: 7, not 6

comment on view awkward.guarded is 'view''s comment';
comment on column awkward.guarded.name is 'column of a view';
comment on materialized view awkward.totals is 'materialized view''s comment';
alter view awkward.updatable alter column status set default 'new';


-- Triggers and rules -------------------------------------------------------------------------------------------------

create table awkward.watched (id integer primary key, t varchar(10), n integer, at timestamptz);
insert into awkward.watched values (1, 'a', 1, '2025-01-01 00:00+00'), (2, 'b', null, null);
create table awkward.watched_log (entry text);
create function awkward.note() returns trigger language plpgsql as $$
begin
    insert into awkward.watched_log values (format('%s %s %s', tg_name, tg_op, tg_argv[0]));
    return coalesce(new, old);
end
$$;
create trigger "Row 100%" before insert or update of t, n on awkward.watched for each row
    when (new.t is not null and (new.n > 1 or new.t in ('x', 'y'))) execute function awkward.note('it''s', E'a\nb', '100%', '');
create trigger changed after update on awkward.watched for each row when (old.* is distinct from new.*) execute function awkward.note('changed');
create trigger statement after insert on awkward.watched referencing new table as arrivals for each statement execute function awkward.note();
create trigger truncated before truncate on awkward.watched for each statement execute function awkward.note('truncated');
create constraint trigger deferred after insert or delete on awkward.watched deferrable initially deferred for each row execute function awkward.note('deferred');
create constraint trigger across after update on awkward.watched from awkward.tree not deferrable for each row when (new.id > 0) execute function awkward.note('across');
create trigger disabled before delete on awkward.watched for each row execute function awkward.note('disabled');
create trigger always before delete on awkward.watched for each row execute function awkward.note('always');
create trigger replica before delete on awkward.watched for each row execute function awkward.note('replica');
alter table awkward.watched disable trigger disabled;
alter table awkward.watched enable always trigger always;
alter table awkward.watched enable replica trigger replica;
create trigger on_partitions after insert on awkward.events for each row execute function awkward.note('partition');
alter table awkward.events_south disable trigger on_partitions;
comment on trigger deferred on awkward.watched is 'trigger''s comment';

create table awkward.protected (id integer primary key, t varchar(10));
insert into awkward.protected values (1, 'stays');
create rule no_delete as on delete to awkward.protected do instead nothing;
create rule copy_insert as on insert to awkward.protected where new.t in ('a', 'b') do also (insert into awkward.watched_log values ('rule ' || new.t); delete from awkward.all_null where b = 'never');
create rule notice as on insert to awkward.protected do also notify awkward;
create rule "Update %" as on update to awkward.protected where old.id <> new.id do instead select 1 as "one", old.t, new.t as t2;
alter table awkward.protected disable rule copy_insert;
alter table awkward.protected enable always rule no_delete;
create rule insert_through as on insert to awkward.simple_view do instead insert into awkward.evolved (id, renamed) values (new.id, new.renamed) returning evolved.*;
comment on rule no_delete on awkward.protected is 'rule''s comment';


-- Row-level security -------------------------------------------------------------------------------------------------

create table awkward.hidden (id integer primary key, owner name default current_user, kind varchar(10), secret text);
insert into awkward.hidden values (1, 'awkward_owner', 'a', 'x'), (2, 'awkward_reader', 'b', 'y'), (3, 'nobody', 'c', 'z');
alter table awkward.hidden owner to awkward_owner;
alter table awkward.hidden enable row level security, force row level security;
create policy own_rows on awkward.hidden for select to awkward_reader, awkward_owner using (owner = current_user and kind in ('a', 'b'));
create policy "Write 100%" on awkward.hidden as restrictive for insert to awkward_writer with check (secret is not null and exists (select from awkward.tree where tree.id = hidden.id));
create policy everything on awkward.hidden as permissive for all to public using (kind = any (array['a', 'z'])) with check (false);
comment on policy own_rows on awkward.hidden is 'policy''s comment';
-- Security without any policy: nobody but a superuser or BYPASSRLS sees a row.
create table awkward.all_hidden (id integer primary key);
insert into awkward.all_hidden values (1), (2);
alter table awkward.all_hidden owner to awkward_owner;
alter table awkward.all_hidden enable row level security, force row level security;
-- Policies that are there and not in force.
create table awkward.not_hidden (id integer primary key);
insert into awkward.not_hidden values (1);
create policy nothing on awkward.not_hidden using (false);


-- Owners and rights --------------------------------------------------------------------------------------------------

create table awkward.owned (id integer primary key, open varchar(10), closed text);
insert into awkward.owned values (1, 'open', 'closed');
alter table awkward.owned owner to awkward_owner;
alter table "Mixed Case"."--help" owner to "awkward_Mixed ""Role"" 100%";
alter materialized view awkward.on_top owner to awkward_owner;
grant select on awkward.totals to awkward_owner;
alter type awkward.place owner to awkward_owner;
grant usage on type awkward.place to awkward_owner;

grant select (id, open), update (open) on awkward.owned to awkward_reader;
grant insert (id) on awkward.owned to public;
grant select, insert on awkward.owned to awkward_writer with grant option;
set role awkward_writer;
grant select on awkward.owned to "awkward_Mixed ""Role"" 100%";    -- granted by neither owner nor superuser
reset role;
revoke update, delete on awkward.owned from awkward_owner;          -- the owner has less than an owner has
grant select on awkward.empty_table to public;
grant truncate, references, trigger on awkward.empty_table to awkward_writer;
grant all on awkward.watched to awkward_writer;
revoke insert on awkward.watched from awkward_writer;
revoke all on awkward.protected from current_user;
grant select on awkward.guarded to awkward_reader;

alter default privileges for role awkward_owner in schema awkward grant select on tables to awkward_reader;
alter default privileges for role awkward_owner in schema awkward grant usage on sequences to awkward_writer with grant option;
alter default privileges for role awkward_owner revoke execute on functions from public;
alter default privileges for role "awkward_Mixed ""Role"" 100%" grant usage on types to awkward_reader;
alter default privileges for role "awkward_Mixed ""Role"" 100%" grant usage, create on schemas to awkward_reader;


-- Large objects ------------------------------------------------------------------------------------------------------

select lo_from_bytea(900001, '\x00ff00ff'), lo_from_bytea(900002, ''), lo_create(900003),
       lo_from_bytea(900004, (select decode(string_agg(md5(n::text), '' order by n), 'hex') from generate_series(1, 20000) n));
alter large object 900001 owner to awkward_owner;
grant select on large object 900001 to awkward_reader;
grant select, update on large object 900004 to awkward_writer with grant option;
comment on large object 900001 is E'large\nobject''s comment';
create table awkward.attachments (id integer primary key, body oid);
insert into awkward.attachments values (1, 900001), (2, 900004), (3, 900099);   -- the last one does not exist


-- Of the whole database ----------------------------------------------------------------------------------------------

create publication "awkward publication" for table awkward.watched, awkward.indexed with (publish = 'insert, update');
create publication awkward_partitions for table awkward.events with (publish_via_partition_root = true);
create publication awkward_nothing;
alter publication awkward_nothing owner to current_user;
comment on publication awkward_nothing is 'publication''s comment';

-- Newer syntax, where the server has it.
do $$
declare
    version integer := current_setting('server_version_num')::integer;
begin
    if version >= 150000 then
        execute 'create table awkward.nulls_not_distinct (a integer, b text, unique nulls not distinct (a, b))';
        execute 'insert into awkward.nulls_not_distinct values (null, null), (1, null), (null, ''x'')';
        execute 'create unique index nulls_not_distinct_b on awkward.nulls_not_distinct (b) nulls not distinct where a is null';
        execute 'create view awkward.as_invoker with (security_invoker) as select id from awkward.hidden';
        execute 'create table awkward.partly_nulled (a integer, b integer, foreign key (a, b) references awkward.tree (id, parent) on delete set null (b))';
        execute 'create unlogged sequence awkward.unlogged_sequence';
        execute 'create publication awkward_filtered for table awkward.owned (id, closed) where (id > 0 and closed in (''a'', ''b'')) with (publish = ''insert'')';
        execute 'create publication awkward_schema for tables in schema "select"';
    end if;
    if version >= 160000 then
        execute 'create view awkward.json_parts as select json_object(''a'': 1 absent on null) as o, json_array(1, 2) as a, ''{}'' is json object as is_object';
    end if;
    if version >= 170000 then
        execute 'grant maintain on awkward.watched to awkward_writer';
        execute 'create table awkward.identity_partitions (id integer generated always as identity, n integer) partition by list (n)';
        execute 'create table awkward.identity_partitions_1 partition of awkward.identity_partitions for values in (1)';
        execute 'insert into awkward.identity_partitions (n) values (1), (1)';
    end if;
    if version >= 180000 then
        execute 'create table awkward.virtual (a integer, b integer generated always as (a * 2) virtual, c text)';
        execute 'insert into awkward.virtual (a, c) values (1, null), (2, ''x'')';
        execute 'alter table awkward.virtual add constraint c_known not null c not valid';
        execute 'alter table awkward.virtual add constraint c_short check (length(c) < 1) not enforced';
        execute 'create table awkward.temporal (room int4range, during daterange, primary key (room, during without overlaps))';
    end if;
end
$$;

create function awkward.on_ddl() returns event_trigger language plpgsql as $$ begin null; end $$;
create event trigger awkward_on_ddl on ddl_command_end when tag in ('CREATE SCHEMA', 'DROP SCHEMA') execute function awkward.on_ddl();
create event trigger awkward_disabled on sql_drop execute function awkward.on_ddl();
alter event trigger awkward_disabled disable;
comment on event trigger awkward_on_ddl is 'event trigger''s comment';

-- Settings change how values are written out: whoever compares text without pinning them compares nothing.
do $$
declare
    name text := current_database();
begin
    execute format('comment on database %I is %L', name, E'Everything\n''awkward'', in "one" place: 100 %');
    execute format('alter database %I connection limit 25', name);
    execute format('revoke connect, temporary on database %I from public', name);
    execute format('grant connect on database %I to awkward_owner, awkward_reader', name);
    execute format('grant create on database %I to awkward_writer with grant option', name);
    execute format('alter database %I set timezone to %L', name, 'Pacific/Chatham');
    execute format('alter database %I set datestyle to %L', name, 'SQL, DMY');
    execute format('alter database %I set intervalstyle to %L', name, 'iso_8601');
    execute format('alter database %I set extra_float_digits to %L', name, '-10');
    execute format('alter database %I set bytea_output to %L', name, 'escape');
    execute format('alter database %I set search_path to "Mixed Case", awkward, %L, public', name, 'no such schema');
    execute format('alter database %I set work_mem to %L', name, '12MB');
    execute format('alter database %I set awkward.note to %L', name, 'it''s "quoted", 100 %');
    execute format('alter role awkward_reader in database %I set statement_timeout to %L', name, '90s');
    execute format('alter role "awkward_Mixed ""Role"" 100%%" in database %I set search_path to "Mixed Case"', name);
end
$$;
