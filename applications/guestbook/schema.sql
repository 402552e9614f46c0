-- A guest book: who came, and what they wrote. PostgreSQL 14 or newer.

create sequence public.guest_numbers;

create table public.guests (
    number     bigint primary key default nextval('public.guest_numbers'),
    name       text not null,
    town       text,
    arrived_on date not null default current_date
);

alter sequence public.guest_numbers owned by public.guests.number;

create table public.entries (
    guest      bigint not null references public.guests (number) on delete cascade,
    page       integer not null check (page > 0),
    words      text not null,
    written_at timestamptz not null default current_timestamp,
    primary key (guest, page)
);
