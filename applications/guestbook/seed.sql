-- Invented rows for schema.sql, the same ones on every load.
--
--   set seed.megabytes = '100';   -- 1 to 5000: how much the database grows, in megabytes on disk

insert into public.guests (number, name, town, arrived_on)
select n,
       'Guest ' || md5('guest' || n),
       case when n % 3 > 0 then
           (array['Quimper', 'Sète', 'Colmar', 'Uzès', 'Honfleur', 'Étretat', 'Collioure'])[1 + n % 7]
       end,
       date '2025-01-01' + n % 365
from generate_series(1, current_setting('seed.megabytes')::int * 1440) n;

insert into public.entries (guest, page, words, written_at)
select n,
       page,
       (array['We slept well.', 'Rain, but good rain.', 'The soup!', 'Back next year.', 'Thank you, all of you.'])[1 + (n + page) % 5]
           || ' ' || encode(sha512(int8send(n * 8 + page)), 'base64'),
       timestamptz '2025-01-01 20:00:00+00' + make_interval(mins => n % 365 * 1440 + page)
from generate_series(1, current_setting('seed.megabytes')::int * 1440) n
cross join lateral generate_series(1, 1 + n % 5) page;

select setval('public.guest_numbers', max(number)) from public.guests;

analyze public.guests, public.entries;
