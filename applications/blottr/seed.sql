-- Invented rows for schema.sql, the same ones on every load.
--
--   set seed.megabytes = '100';   -- 1 to 5000: how much the database grows, in megabytes on disk
--
-- Load it in one transaction, into the empty schema. Every value is computed from the row's number: no random(), no
-- now(), and nothing that depends on the session's time zone or on the collation. People, businesses and letters are
-- made up; telephone numbers come from the ranges that Arcep keeps for fiction, addresses from reserved domains (RFC
-- 2606). All rules of rules.toml hold.
--
-- The picture was taken on Monday 2026-02-23: what lies before has happened, what comes after is planned.


-- Vocabulary ---------------------------------------------------------------------------------------------------------
-- Functions of the session only. Simple enough for the planner to inline them, so that they cost next to nothing.

create or replace function pg_temp.artists() returns bigint stable language sql
as $$ select current_setting('seed.megabytes')::bigint * 22 - 12 $$;

create or replace function pg_temp.shops() returns bigint stable language sql
as $$ select pg_temp.artists() / 9 $$;

create or replace function pg_temp.salons() returns bigint stable language sql
as $$ select pg_temp.artists() / 3 $$;

-- A number that looks drawn by lot, from 0 to 2^31 - 1. What it is for (the salt) keeps the columns of a row apart.
create or replace function pg_temp.lot(n bigint, salt bigint) returns bigint immutable language sql
as $$ select hashint8extended(n, salt) & 2147483647 $$;

create or replace function pg_temp.pick(words text[], n bigint, salt bigint) returns text immutable language sql
as $$ select words[1 + pg_temp.lot(n, salt) % cardinality(words)] $$;

create or replace function pg_temp.key(kind text, n bigint) returns uuid immutable language sql
as $$ select md5(kind || n::text)::uuid $$;

create or replace function pg_temp.first_names() returns text[] immutable language sql as $$ select array[
    'Adèle', 'Amandine', 'Anaïs', 'Antoine', 'Aurélien', 'Baptiste', 'Bérénice', 'Bruno', 'Camille', 'Capucine',
    'Cédric', 'Céleste', 'Chloé', 'Clément', 'Coralie', 'Damien', 'Diane', 'Elias', 'Éloïse', 'Émile',
    'Fanny', 'Félix', 'Gaëlle', 'Gaspard', 'Hélène', 'Hugo', 'Inès', 'Ismaël', 'Jade', 'Joël',
    'Joséphine', 'Kévin', 'Léa', 'Léonie', 'Loïc', 'Lucas', 'Maëlle', 'Malik', 'Margaux', 'Mathéo',
    'Nadia', 'Noé', 'Océane', 'Oscar', 'Pauline', 'Quentin', 'Raphaël', 'Romane', 'Sacha', 'Salomé',
    'Solène', 'Tanguy', 'Théo', 'Tristan', 'Ulysse', 'Valentine', 'Victor', 'Yasmine', 'Yann', 'Zoé'] $$;

create or replace function pg_temp.last_names() returns text[] immutable language sql as $$ select array[
    'Aubrac', 'Bellanger', 'Benhaddou', 'Bonnefoy', 'Bréval', 'Carpentras', 'Chastaing', 'Corvisier', 'Dargent', 'Delaunoy',
    'Desrosières', 'Dieulafoy', 'Esnault', 'Fabrègues', 'Ferrandon', 'Foucauld', 'Galibert', 'Garance', 'Guérande', 'Hautecœur',
    'Jolivet', 'Kerbrat', 'Lacaze', 'Lafargue', 'Lamarque', 'Landriau', 'Lebossé', 'Légaré', 'Maillard', 'Malherbe',
    'Marchenoir', 'Mazières', 'Mérindol', 'Montségur', 'Nadaud', 'Noirclerc', 'Ollivier', 'Pastourel', 'Péricard', 'Pontreau',
    'Quéméneur', 'Rabastens', 'Rochebrune', 'Roussillon', 'Saintonge', 'Sénéchal', 'Tavernier', 'Thibaudeau', 'Tourneroche', 'Vasseur',
    'Vauquelin', 'Verdier', 'Vernhes', 'Villedieu', 'Zerrouki'] $$;

create or replace function pg_temp.styles() returns text[] immutable language sql as $$ select array[
    'traditional', 'neo_traditional', 'realistic', 'watercolor', 'geometric', 'minimalist',
    'japanese', 'tribal', 'biomechanical', 'portrait', 'dotwork', 'linework'] $$;

create or replace function pg_temp.placements() returns text[] immutable language sql as $$ select array[
    'avant-bras', 'bras', 'épaule', 'omoplate', 'dos', 'côtes', 'cheville', 'mollet', 'cuisse', 'nuque',
    'poignet', 'main', 'clavicule', 'sternum', 'hanche'] $$;

create or replace function pg_temp.motifs() returns text[] immutable language sql as $$ select array[
    'une pivoine ouverte', 'un renard endormi', 'une carpe à contre-courant', 'un phare sous l''orage', 'une branche d''olivier',
    'un corbeau sur sa clef', 'une boussole brisée', 'un dragon sans ailes', 'deux mains qui se lâchent', 'un crâne fleuri',
    'une méduse translucide', 'un samouraï de dos', 'la maison de ma grand-mère', 'un cerf aux bois de lierre', 'une lune en quartier',
    'un hibou de profil', 'une vague d''Hokusaï revisitée', 'un sablier couché', 'un loup en trois traits', 'une hirondelle et son ruban',
    'un bouquet de chardons', 'le relief du Mont Aiguille', 'un bateau en papier', 'une rosace de cathédrale', 'un papillon de nuit',
    'une partition de Satie', 'un cœur anatomique', 'un masque hannya', 'un figuier', 'une constellation d''hiver'] $$;

create or replace function pg_temp.manners() returns text[] immutable language sql as $$ select array[
    'en lignes fines', 'en noir et gris', 'aux ombres pointillées', 'à l''aiguille seule', 'en aplats profonds', 'dans un style d''estampe',
    'en aquarelle débordante', 'sans aucun contour', 'au trait hésitant', 'avec des rehauts de blanc', 'en négatif sur fond noir',
    'dans l''esprit des années trente', 'en deux couleurs', 'à la manière d''une gravure', 'en motif répété', 'avec beaucoup de vide'] $$;

create or replace function pg_temp.origins() returns text[] immutable language sql as $$ select array[
    'Dessin d''après une photographie de famille', 'Pièce unique, ne sera pas refaite', 'Recouvrement d''un ancien prénom',
    'Projet libre, laissé à la main du tatoueur', 'Flash choisi le matin même', 'Suite d''un premier travail commencé ailleurs',
    'Croquis apporté par la cliente', 'Premier tatouage, longuement mûri', 'Souvenir d''un voyage à pied', 'Commande à quatre mains',
    'Reprise d''un motif breton', 'Cicatrice à accompagner plutôt qu''à cacher', 'Hommage à un ami disparu', 'Pari perdu, tenu avec élégance',
    'Tiré d''un carnet de 2019', 'Échange entre confrères'] $$;

create or replace function pg_temp.healings() returns text[] immutable language sql as $$ select array[
    'Cicatrisé après quatre semaines.', 'Photographié frais, encore un peu rouge.', 'Retouche offerte au printemps.', 'Deux séances, la seconde plus courte.',
    'Une seule séance, presque sans pause.', 'La couleur a très bien tenu.', 'Le grain de la peau a guidé le trait.', 'Lumière du nord, sans retouche.',
    'Aucune douleur, paraît-il.', 'Les ombres seront reprises.', 'Vu de près, chaque point est posé à la main.', 'Il manque encore le fond.'] $$;

create or replace function pg_temp.greetings() returns text[] immutable language sql as $$ select array[
    'Bonjour,', 'Bonsoir,', 'Bonjour et merci pour votre travail.', 'Salut !', 'Bonjour, une amie m''a parlé de vous.', 'Bonjour, je vous suis depuis des mois.',
    'Madame, Monsieur,', 'Coucou,', 'Bonjour, je me permets de vous écrire.', 'Bonjour, première fois que j''ose.'] $$;

create or replace function pg_temp.wishes() returns text[] immutable language sql as $$ select array[
    'J''aimerais', 'Je rêve depuis longtemps d''avoir', 'Serait-il possible de dessiner', 'Je cherche quelqu''un pour', 'Mon idée serait',
    'Nous voudrions, ma sœur et moi,', 'Je pensais à', 'Pour mes quarante ans, je voudrais', 'Je souhaite recouvrir un vieux tatouage par', 'Il me faudrait'] $$;

create or replace function pg_temp.questions() returns text[] immutable language sql as $$ select array[
    'Quel délai faut-il prévoir ?', 'Faites-vous encore des petites pièces ?', 'Peut-on se voir avant pour en parler ?', 'Quel serait le prix environ ?',
    'Travaillez-vous le samedi ?', 'Prenez-vous un acompte ?', 'Puis-je venir accompagné ?', 'La couleur tient-elle à cet endroit ?', 'Combien de séances à votre avis ?',
    'Je cicatrise mal, est-ce un souci ?', 'Avez-vous une liste d''attente ?', 'Je peux envoyer des photos de référence.', 'Je suis libre toute la semaine prochaine.',
    'Je prends un traitement léger, faut-il le signaler ?', 'J''habite loin, une seule visite serait l''idéal.', 'Le sens du motif m''importe plus que la taille.'] $$;

create or replace function pg_temp.closings() returns text[] immutable language sql as $$ select array[
    'Merci d''avance.', 'Bien à vous.', 'Belle journée.', 'À bientôt j''espère.', 'Cordialement.', 'Merci pour votre réponse.', 'Amicalement.', 'Dans l''attente de vous lire.'] $$;

create or replace function pg_temp.streets() returns text[] immutable language sql as $$ select array[
    'rue des Tanneurs', 'rue du Puits-Neuf', 'quai des Encres', 'place du Marché-aux-Herbes', 'impasse des Lilas', 'boulevard de la Corderie',
    'rue de l''Aiguillerie', 'cours Sainte-Agathe', 'rue Vieille-du-Canal', 'passage des Graveurs', 'avenue des Platanes', 'rue des Trois-Couronnes'] $$;

-- People carry their number in their address: nobody shares one.
create or replace function pg_temp.full_name(n bigint) returns text immutable language sql
as $$ select pg_temp.pick(pg_temp.first_names(), n, 1) || ' ' || pg_temp.pick(pg_temp.last_names(), n, 2) $$;

create or replace function pg_temp.slug(words text) returns text immutable language sql
as $$ select translate(words, 'ABCDEFGHIJKLMNOPQRSTUVWXYZÉéèêëàâîïôûüç ''.', 'abcdefghijklmnopqrstuvwxyzeeeeeaaiiouuc---') $$;

create or replace function pg_temp.email(n bigint) returns text immutable language sql
as $$
    select pg_temp.slug(replace(pg_temp.full_name(n), 'œ', 'oe')) || '.' || n::text || '@'
        || (array['courriel.example', 'poste.example', 'boite.example', 'encre.example'])[1 + pg_temp.lot(n, 3) % 4]
$$;

create or replace function pg_temp.phone(n bigint) returns text immutable language sql
as $$ select '+3363998' || lpad((pg_temp.lot(n, 4) % 10000)::text, 4, '0') $$;


-- Who meets whom, and when -------------------------------------------------------------------------------------------
-- Artists, users and so on are numbered. Users: first the artists, then the owner of each shop, the administrator, and
-- twenty clients for every artist.

create or replace function pg_temp.client(artist bigint, slot bigint) returns bigint stable language sql
as $$
    -- In any one slot a different circle of clients for each artist, so that no client sits in two chairs.
    select pg_temp.artists() + pg_temp.shops() + 2
        + 20 * ((artist + 37 * (slot % 4)) % pg_temp.artists()) + pg_temp.lot(artist * 64 + slot, 10) % 20
$$;

-- An artist has one appointment at most in each of 40 slots: Monday to Wednesday and Thursday to Saturday of 20 weeks.
create or replace function pg_temp.starts_at(artist bigint, slot bigint) returns timestamptz stable language sql
as $$
    select timestamptz '2025-11-17 08:00:00+00' + make_interval(
        hours => (slot / 2 * 168 + slot % 2 * 72 + pg_temp.lot(artist * 64 + slot, 11) % 3 * 24)::int,
        mins => (pg_temp.lot(artist * 64 + slot, 12) % 24 * 15)::int)
$$;

create or replace function pg_temp.booked_at(artist bigint, slot bigint) returns timestamptz stable language sql
as $$ select pg_temp.starts_at(artist, slot) - make_interval(mins => (60000 + pg_temp.lot(artist * 64 + slot, 13) % 46000)::int) $$;

create or replace function pg_temp.retired(artist bigint) returns boolean immutable language sql
as $$ select artist % 17 = 16 $$;


-- References and plain indexes stand aside ---------------------------------------------------------------------------
-- Checking millions of references one by one takes longer than making the rows; at the end each is checked once, whole.

create temporary table aside (ordinal integer generated always as identity, command text);

do $$
declare
    doomed record;
begin
    for doomed in
        select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop_it,
               format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as restore_it
        from pg_constraint
        where connamespace = 'public'::regnamespace and contype = 'f'
        union all
        select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
        from pg_index
        join pg_class on pg_class.oid = indexrelid
        where relnamespace = 'public'::regnamespace and not indisunique
    loop
        insert into aside (command) values (doomed.restore_it);
        execute doomed.drop_it;
    end loop;
end
$$;


-- Base and phase 1 ---------------------------------------------------------------------------------------------------

insert into public.rate_limits (key, points, expire)
select 'login_203.0.113.' || n % 256 || '_' || md5('rate' || n), 1 + pg_temp.lot(n, 20) % 5, 1771837200000 + n * 1000
from generate_series(1, pg_temp.artists()) n;

insert into public.cities (
    id, name, slug, postal_code, insee_code, latitude, longitude, population, department_code, region_name,
    is_featured, created_at)
select id, name, pg_temp.slug(name), postal_code, insee_code, latitude, longitude, population, department_code, region_name,
       population > 200000, timestamptz '2025-03-01 10:00:00+00'
from (values
    (1, 'Paris', '75001', '75056', 48.8566, 2.3522, 2133111, '75', 'Île-de-France'),
    (2, 'Marseille', '13001', '13055', 43.2965, 5.3698, 873076, '13', 'Provence-Alpes-Côte d''Azur'),
    (3, 'Lyon', '69001', '69123', 45.7640, 4.8357, 522250, '69', 'Auvergne-Rhône-Alpes'),
    (4, 'Toulouse', '31000', '31555', 43.6047, 1.4442, 504078, '31', 'Occitanie'),
    (5, 'Nice', '06000', '06088', 43.7102, 7.2620, 348085, '06', 'Provence-Alpes-Côte d''Azur'),
    (6, 'Nantes', '44000', '44109', 47.2184, -1.5536, 323204, '44', 'Pays de la Loire'),
    (7, 'Montpellier', '34000', '34172', 43.6108, 3.8767, 302454, '34', 'Occitanie'),
    (8, 'Strasbourg', '67000', '67482', 48.5734, 7.7521, 291313, '67', 'Grand Est'),
    (9, 'Bordeaux', '33000', '33063', 44.8378, -0.5792, 261804, '33', 'Nouvelle-Aquitaine'),
    (10, 'Lille', '59000', '59350', 50.6292, 3.0573, 236710, '59', 'Hauts-de-France'),
    (11, 'Rennes', '35000', '35238', 48.1173, -1.6778, 225081, '35', 'Bretagne'),
    (12, 'Reims', '51100', '51454', 49.2583, 4.0317, 179380, '51', 'Grand Est'),
    (13, 'Toulon', '83000', '83137', 43.1242, 5.9280, 180452, '83', 'Provence-Alpes-Côte d''Azur'),
    (14, 'Saint-Étienne', '42000', '42218', 45.4397, 4.3872, 173136, '42', 'Auvergne-Rhône-Alpes'),
    (15, 'Le Havre', '76600', '76351', 49.4944, 0.1079, 166058, '76', 'Normandie'),
    (16, 'Grenoble', '38000', '38185', 45.1885, 5.7245, 157477, '38', 'Auvergne-Rhône-Alpes'),
    (17, 'Dijon', '21000', '21231', 47.3220, 5.0415, 159346, '21', 'Bourgogne-Franche-Comté'),
    (18, 'Angers', '49000', '49007', 47.4784, -0.5632, 157175, '49', 'Pays de la Loire'),
    (19, 'Nîmes', '30000', '30189', 43.8367, 4.3601, 148104, '30', 'Occitanie'),
    (20, 'Clermont-Ferrand', '63000', '63113', 45.7772, 3.0870, 147327, '63', 'Auvergne-Rhône-Alpes'),
    (21, 'Aix-en-Provence', '13090', '13001', 43.5297, 5.4474, 147478, '13', 'Provence-Alpes-Côte d''Azur'),
    (22, 'Brest', '29200', '29019', 48.3904, -4.4861, 139456, '29', 'Bretagne'),
    (23, 'Tours', '37000', '37261', 47.3941, 0.6848, 137658, '37', 'Centre-Val de Loire'),
    (24, 'Amiens', '80000', '80021', 49.8941, 2.2958, 133625, '80', 'Hauts-de-France'),
    (25, 'Limoges', '87000', '87085', 45.8336, 1.2611, 129760, '87', 'Nouvelle-Aquitaine'),
    (26, 'Annecy', '74000', '74010', 45.8992, 6.1294, 131715, '74', 'Auvergne-Rhône-Alpes'),
    (27, 'Metz', '57000', '57463', 49.1193, 6.1757, 121695, '57', 'Grand Est'),
    (28, 'Besançon', '25000', '25056', 47.2378, 6.0241, 119198, '25', 'Bourgogne-Franche-Comté'),
    (29, 'Caen', '14000', '14118', 49.1829, -0.3707, 107250, '14', 'Normandie'),
    (30, 'Ajaccio', '20000', '2A004', 41.9192, 8.7386, 73822, '2A', 'Corse'),
    (31, 'Saint-Denis de La Réunion', '97400', '97411', -20.8789, 55.4481, 155634, '974', 'La Réunion')
) as city (id, name, postal_code, insee_code, latitude, longitude, population, department_code, region_name);

insert into public.users (
    id, full_name, email, password, created_at, updated_at, user_type, phone, bio, city_id, email_verified_at, avatar_url)
select n,
       pg_temp.full_name(n),
       pg_temp.email(n),
       '$scrypt$n=16384,r=8,p=1$' || left(encode(sha256(int8send(-n)), 'base64'), 22)
           || '$' || rtrim(encode(sha256(int8send(n)), 'base64'), '='),
       created_at,
       case when pg_temp.lot(n, 31) % 4 = 0 then created_at + make_interval(hours => (pg_temp.lot(n, 31) % 2000)::int) end,
       case
           when n <= pg_temp.artists() then 'artist'
           when n <= pg_temp.artists() + pg_temp.shops() then 'owner'
           when n = pg_temp.artists() + pg_temp.shops() + 1 then 'admin'
           else 'client'
       end,
       case when pg_temp.lot(n, 32) % 10 < 7 then pg_temp.phone(n) end,
       case when pg_temp.lot(n, 33) % 10 < 2 then
           'Je viens pour ' || pg_temp.pick(pg_temp.motifs(), n, 34) || ', ' || pg_temp.pick(pg_temp.manners(), n, 35)
               || '. ' || pg_temp.pick(pg_temp.questions(), n, 36)
       end,
       case when pg_temp.lot(n, 37) % 10 < 9 then 1 + pg_temp.lot(n, 38) % 31 end,
       case when n <= pg_temp.artists() or pg_temp.lot(n, 39) % 12 > 0 then
           created_at + make_interval(mins => (3 + pg_temp.lot(n, 39) % 4000)::int)
       end,
       case when pg_temp.lot(n, 40) % 10 < 3 then 'https://media.blottr.fr/avatars/' || pg_temp.key('avatar', n) || '.webp' end
from (
    select n, timestamptz '2025-03-01 12:00:00+00' + make_interval(secs => n * 11000000 / (21 * pg_temp.artists() + pg_temp.shops())) as created_at
    from generate_series(1, 21 * pg_temp.artists() + pg_temp.shops() + 1) n
) signed_up;


-- Phase 2 ------------------------------------------------------------------------------------------------------------

insert into public.shops (id, owner_id, name, slug, siret, city_id, address, email, phone, is_active, created_at)
select pg_temp.key('shop', n),
       pg_temp.artists() + n,
       'Encres ' || pg_temp.pick(pg_temp.last_names(), n, 50) || ' & fils',
       'encres-' || n,
       lpad((10000000000000 + n * 7919)::text, 14, '0'),
       1 + pg_temp.lot(n, 51) % 31,
       1 + pg_temp.lot(n, 52) % 120 || ' ' || pg_temp.pick(pg_temp.streets(), n, 53),
       'contact@encres-' || n || '.example',
       case when n % 4 > 0 then '+3319900' || lpad((pg_temp.lot(n, 54) % 10000)::text, 4, '0') end,
       n % 29 > 0,
       timestamptz '2025-05-02 08:00:00+00' + make_interval(secs => n * 4000000 / pg_temp.shops())
from generate_series(1, pg_temp.shops()) n;

-- Two salons of three belong to a shop and its owner, the third to an artist.
insert into public.salons (
    id, shop_id, owner_id, name, slug, description, city_id, address, postal_code, opening_hours,
    price_range_min, price_range_max, is_active, created_at, updated_at)
select pg_temp.key('salon', n),
       case when n % 3 > 0 then pg_temp.key('shop', 1 + n % pg_temp.shops()) end,
       case when n % 3 > 0 then pg_temp.artists() + 1 + n % pg_temp.shops() else 1 + n * 3 % pg_temp.artists() end,
       'Salon ' || pg_temp.pick(array['de la Plume', 'du Hérisson', 'des Brumes', 'Indigo', 'de l''Octroi', 'Nacre', 'des Forges', 'Sépia', 'du Passeur'], n, 60)
           || ' ' || pg_temp.pick(pg_temp.last_names(), n, 61),
       'salon-' || n,
       case when n % 11 > 0 then
           pg_temp.pick(array['Ancienne imprimerie', 'Atelier sur cour', 'Boutique d''angle', 'Rez-de-chaussée calme', 'Première salle voûtée', 'Petit local lumineux'], n, 62)
               || ', ' || 2 + n % 6 || ' postes. ' || pg_temp.pick(pg_temp.origins(), n, 63) || '. '
               || pg_temp.pick(pg_temp.healings(), n, 64) || ' ' || pg_temp.pick(pg_temp.questions(), n, 65)
       end,
       city.id,
       1 + pg_temp.lot(n, 67) % 120 || ' ' || pg_temp.pick(pg_temp.streets(), n, 68),
       city.postal_code,
       jsonb_build_object(
           'tue', jsonb_build_array(jsonb_build_array('10:00', '19:00')),
           'wed', jsonb_build_array(jsonb_build_array('10:00', '19:00')),
           'thu', jsonb_build_array(jsonb_build_array('10:00', '12:30'), jsonb_build_array('14:00', (19 + n % 3) || ':00')),
           'sat', jsonb_build_array(jsonb_build_array('09:30', '18:00'))),
       60 + n % 5 * 10,
       case when n % 7 > 0 then 400 + pg_temp.lot(n, 69) % 80 * 20 + 0.50 end,
       true,
       timestamptz '2025-05-03 08:00:00+00' + make_interval(secs => n * 4000000 / pg_temp.salons()),
       case when n % 5 = 0 then timestamptz '2025-11-01 08:00:00+00' + make_interval(secs => n) end
from generate_series(1, pg_temp.salons()) n
join public.cities city on city.id = 1 + pg_temp.lot(n, 66) % 31
order by n;

-- Artist n (from 0) is user n + 1. One in seventeen has stopped on 2026-02-14.
insert into public.artists (
    id, user_id, stage_name, slug, bio, styles, city_id, min_price, max_price, availability, social_links,
    verification_status, is_active, active_from, active_until, average_rating, total_reviews, created_at, updated_at)
select pg_temp.key('artist', n),
       n + 1,
       pg_temp.pick(pg_temp.first_names(), n + 1, 1) || ' '
           || pg_temp.pick(array['Encre', 'Aiguille', 'Noir', 'Pigment', 'Ombre', 'Ligne', 'Velours', 'Cobalt', 'Garance', 'Charbon'], n, 70),
       'artiste-' || n + 1,
       case when n % 13 > 0 then
           pg_temp.pick(array['Formée aux Beaux-Arts', 'Autodidacte', 'Ancien graveur', 'Dix ans de calligraphie', 'Apprentissage à Osaka', 'Passé par l''illustration'], n, 71)
               || ', je dessine surtout ' || pg_temp.pick(pg_temp.motifs(), n, 72) || ' et ' || pg_temp.pick(pg_temp.motifs(), n, 73) || ', '
               || pg_temp.pick(pg_temp.manners(), n, 74) || ' ou ' || pg_temp.pick(pg_temp.manners(), n, 75) || '. '
               || pg_temp.pick(pg_temp.origins(), n, 76) || ' : c''est ce que je préfère. ' || pg_temp.pick(pg_temp.healings(), n, 77)
       end,
       array[(pg_temp.styles())[1 + n % 12], (pg_temp.styles())[1 + (n + 1 + n / 12 % 11) % 12]],
       1 + pg_temp.lot(n, 78) % 31,
       case when n % 19 > 0 then 60 + pg_temp.lot(n, 79) % 10 * 10 end,
       case when n % 19 > 1 then 300 + pg_temp.lot(n, 80) % 150 * 10 + 0.90 end,
       jsonb_build_object('slots', jsonb_build_array('mon', 'wed', 'thu'), 'notice_days', 7 + n % 30, 'walk_in', n % 6 = 0),
       case when n % 5 > 0 then
           jsonb_build_object('instagram', '@' || substr(md5('insta' || n), 1, 9), 'site', 'https://artiste-' || n + 1 || '.example')
       end,
       case n % 8 when 6 then 'onboarding' when 7 then 'contacted' else 'verified' end,
       not pg_temp.retired(n),
       date '2025-05-05' + (pg_temp.lot(n, 81) % 120)::int,
       case when pg_temp.retired(n) then date '2026-02-14' end,
       case when n % 4 > 0 then 3 + pg_temp.lot(n, 82) % 201 * 0.01 end,
       case when n % 4 > 0 then 1 + pg_temp.lot(n, 83) % 180 else 0 end,
       timestamptz '2025-05-02 09:00:00+00' + make_interval(secs => n * 4000000 / pg_temp.artists()),
       case when n % 3 = 0 then timestamptz '2026-01-05 09:00:00+00' + make_interval(secs => n) end
from generate_series(0, pg_temp.artists() - 1) n;

-- The house where the artist works; for one in three, a guest spell in December; for one in five, an earlier house.
insert into public.artist_salons (
    id, artist_id, salon_id, relationship_type, started_on, ended_on, hourly_rate, commission_rate, notes, created_at)
select row_number() over (order by n, spell),
       pg_temp.key('artist', n),
       pg_temp.key('salon', 1 + (n + spell) % pg_temp.salons()),
       case spell when 1 then 'guest' else 'primary' end,
       case spell
           when 0 then date '2025-05-05' + (pg_temp.lot(n, 81) % 120)::int
           when 1 then date '2025-12-01'
           else date '2025-01-15'
       end,
       case spell
           when 0 then case when pg_temp.retired(n) then date '2026-02-14' end
           when 1 then date '2026-01-11'
           else date '2025-04-30'
       end,
       case when n % 6 > 0 then 70 + pg_temp.lot(n, 90) % 60 end,
       20 + pg_temp.lot(n, 91) % 40 * 0.5,
       case when n % 8 = 0 then pg_temp.pick(pg_temp.healings(), n, 92) end,
       timestamptz '2025-05-02 10:00:00+00' + make_interval(secs => n * 4000000 / pg_temp.artists())
from generate_series(0, pg_temp.artists() - 1) n
cross join lateral unnest(case n % 15 when 0 then array[0, 1, 2] when 3 then array[0, 1] when 6 then array[0, 1] when 9 then array[0, 1]
                                      when 12 then array[0, 1] when 5 then array[0, 2] when 10 then array[0, 2] else array[0] end) spell;


-- Phase 3 ------------------------------------------------------------------------------------------------------------

insert into public.tattoos (
    id, artist_id, title, slug, description, style, body_placement, estimated_hours, price_estimate, status, media_key,
    thumbnail_key, media, content_hash, file_size, view_count, published_at, created_at, updated_at)
select id,
       artist_id,
       upper(left(motif, 1)) || substr(motif, 2),
       'tatouage-' || n + 1,
       case when n % 9 > 0 then
           pg_temp.pick(pg_temp.origins(), n, 100) || ' : ' || motif || ', ' || pg_temp.pick(pg_temp.manners(), n, 101) || ', '
               || pg_temp.pick(pg_temp.placements(), n, 102) || '. ' || pg_temp.pick(pg_temp.healings(), n, 103) || ' '
               || pg_temp.pick(pg_temp.healings(), n, 104)
       end,
       pg_temp.pick(pg_temp.styles(), n, 105),
       pg_temp.pick(pg_temp.placements(), n, 102),
       1 + pg_temp.lot(n, 106) % 24 * 0.5,
       case when n % 3 > 0 then 80 + pg_temp.lot(n, 107) % 120 * 10 end,
       status,
       case when uploaded then 'tattoos/' || artist_id || '/' || id || '.jpg' end,
       case when uploaded and n % 21 > 0 then 'tattoos/' || artist_id || '/' || id || '.thumbnail.webp' end,
       case when uploaded then jsonb_build_object(
           'width', 1200 + pg_temp.lot(n, 108) % 2800, 'height', 1200 + pg_temp.lot(n, 109) % 2800, 'type', 'image/jpeg',
           'alt', jsonb_build_object('fr', motif || ' (' || pg_temp.pick(pg_temp.placements(), n, 102) || ')'))
       else '{}' end,
       case when uploaded then encode(sha256(int8send(n)), 'hex') end,
       case when uploaded then 150000 + pg_temp.lot(n, 110) % 6000000 end,
       case status when 'published' then pg_temp.lot(n, 111) % 5000 else 0 end,
       case when status in ('published', 'archived') then created_at + make_interval(mins => (10 + pg_temp.lot(n, 112) % 9000)::int) end,
       created_at,
       case when status = 'archived' then timestamptz '2026-02-20 12:00:00+00' end
from (
    select n,
           pg_temp.key('tattoo', n) as id,
           pg_temp.key('artist', n % pg_temp.artists()) as artist_id,
           pg_temp.pick(pg_temp.motifs(), n, 113) as motif,
           case n % 25 when 21 then 'draft' when 22 then 'draft' when 23 then 'pending_review' when 24 then 'archived' else 'published' end as status,
           n % 25 <> 22 as uploaded,
           timestamptz '2025-07-02 09:00:00+00' + make_interval(secs => n * 19000000 / (12 * pg_temp.artists())) as created_at
    from generate_series(0, 12 * pg_temp.artists() - 1) n
    offset 0  -- each expression once a row
) made;

insert into public.tags (id, name, slug, category, parent_tag_id, translations, created_at)
select id, name, pg_temp.slug(replace(name, 'œ', 'oe')), category, parent_tag_id,
       case when id % 3 > 0 then jsonb_build_object('en', english) end, timestamptz '2025-07-01 10:00:00+00'
from (values
    (1, 'Style', 'style', null, 'Style'), (2, 'Sujet', 'subject', null, 'Subject'), (3, 'Emplacement', 'body_part', null, 'Body part'),
    (4, 'Couleur', 'color', null, 'Colour'), (5, 'Technique', 'technique', null, 'Technique'), (6, 'Humeur', 'mood', null, 'Mood'),
    (7, 'Japonais', 'style', 1, 'Japanese'), (8, 'Old school', 'style', 1, 'Old school'), (9, 'Néo-traditionnel', 'style', 1, 'Neo traditional'),
    (10, 'Réalisme', 'style', 1, 'Realism'), (11, 'Géométrique', 'style', 1, 'Geometric'), (12, 'Minimaliste', 'style', 1, 'Minimalist'),
    (13, 'Tribal', 'style', 1, 'Tribal'), (14, 'Biomécanique', 'style', 1, 'Biomechanical'), (15, 'Ornemental', 'style', 1, 'Ornamental'),
    (16, 'Animal', 'subject', 2, 'Animal'), (17, 'Végétal', 'subject', 2, 'Botanical'), (18, 'Portrait', 'subject', 2, 'Portrait'),
    (19, 'Paysage', 'subject', 2, 'Landscape'), (20, 'Lettrage', 'subject', 2, 'Lettering'), (21, 'Mythologie', 'subject', 2, 'Mythology'),
    (22, 'Renard', 'subject', 16, 'Fox'), (23, 'Loup', 'subject', 16, 'Wolf'), (24, 'Oiseau', 'subject', 16, 'Bird'), (25, 'Carpe koï', 'subject', 16, 'Koi'),
    (26, 'Serpent', 'subject', 16, 'Snake'), (27, 'Pivoine', 'subject', 17, 'Peony'), (28, 'Rose', 'subject', 17, 'Rose'), (29, 'Olivier', 'subject', 17, 'Olive tree'),
    (30, 'Dragon', 'subject', 21, 'Dragon'), (31, 'Méduse', 'subject', 21, 'Medusa'), (32, 'Bras', 'body_part', 3, 'Arm'), (33, 'Jambe', 'body_part', 3, 'Leg'),
    (34, 'Dos', 'body_part', 3, 'Back'), (35, 'Torse', 'body_part', 3, 'Chest'), (36, 'Nuque', 'body_part', 3, 'Neck'), (37, 'Main', 'body_part', 3, 'Hand'),
    (38, 'Avant-bras', 'body_part', 32, 'Forearm'), (39, 'Mollet', 'body_part', 33, 'Calf'), (40, 'Noir et gris', 'color', 4, 'Black and grey'),
    (41, 'Polychrome', 'color', 4, 'Full colour'), (42, 'Rouge seul', 'color', 4, 'Red only'), (43, 'Encre blanche', 'color', 4, 'White ink'),
    (44, 'Pointillisme', 'technique', 5, 'Dotwork'), (45, 'Trait fin', 'technique', 5, 'Fine line'), (46, 'Aquarelle', 'technique', 5, 'Watercolour'),
    (47, 'À la main', 'technique', 5, 'Hand poked'), (48, 'Recouvrement', 'technique', 5, 'Cover-up'), (49, 'Mélancolie', 'mood', 6, 'Melancholy'),
    (50, 'Humour', 'mood', 6, 'Humour'), (51, 'Mémoire', 'mood', 6, 'Memory'), (52, 'Cœur', 'mood', 6, 'Heart'), (53, 'Voyage', 'mood', 6, 'Journey')
) as tag (id, name, category, parent_tag_id, english);

-- Two to four tags for a tattoo. 53 is prime: steps of any width meet different tags.
insert into public.tag_tattoos (tag_id, tattoo_id, relevance, created_at)
select 1 + (pg_temp.lot(n, 120) + step * (1 + pg_temp.lot(n, 121) % 52)) % 53,
       pg_temp.key('tattoo', n),
       1 - step * 0.2 - pg_temp.lot(n, 122) % 10 * 0.01,
       timestamptz '2025-07-02 09:00:00+00' + make_interval(secs => n * 19000000 / (12 * pg_temp.artists()) + step)
from generate_series(0, 12 * pg_temp.artists() - 1) n
cross join lateral generate_series(0, 1 + n % 3) step;

update public.tags
set usage_count = used.tattoos, updated_at = timestamptz '2026-02-23 03:00:00+00'
from (select tag_id, count(*) as tattoos from public.tag_tattoos group by tag_id) used
where used.tag_id = tags.id;


-- Phase 4 ------------------------------------------------------------------------------------------------------------

insert into public.appointments (
    id, artist_id, client_id, salon_id, starts_at, ends_at, status, price, deposit, deposit_paid_at, cancelled_at,
    cancellation_reason, notes, created_at, updated_at)
select n + 1,
       pg_temp.key('artist', artist),
       pg_temp.client(artist, slot),
       case
           when status = 'requested' and n % 2 = 0 then null
           when artist % 3 = 0 and slot between 4 and 15 and slot % 2 = 0 then pg_temp.key('salon', 1 + (artist + 1) % pg_temp.salons())
           else pg_temp.key('salon', 1 + artist % pg_temp.salons())
       end,
       starts_at,
       starts_at + make_interval(mins => (60 + pg_temp.lot(n, 130) % 9 * 30)::int),
       status,
       price,
       coalesce(round(price * 0.3), 0),
       case when status in ('confirmed', 'completed', 'no_show') then created_at + make_interval(mins => (30 + pg_temp.lot(n, 131) % 9000)::int) end,
       case when status = 'cancelled' then created_at + make_interval(mins => (600 + pg_temp.lot(n, 132) % 40000)::int) end,
       case when status = 'cancelled' and n % 5 > 0 then
           pg_temp.pick(array['Malade', 'Empêchement professionnel', 'A changé d''avis', 'Trouvé plus près', 'Grève des trains', 'Sans motif'], n, 133)
       end,
       case when n % 2 = 0 then
           upper(left(md5('dossier' || n), 8)) || ' : ' || pg_temp.pick(pg_temp.motifs(), n, 134) || ', ' || pg_temp.pick(pg_temp.manners(), n, 135)
               || ' (' || pg_temp.pick(pg_temp.placements(), n, 136) || ', ' || 4 + pg_temp.lot(n, 137) % 30 || ' cm)'
       end,
       created_at,
       case when status <> 'requested' then created_at + make_interval(mins => (60000 + pg_temp.lot(n, 138) % 9000)::int) end
from (
    select n,
           artist,
           slot,
           pg_temp.starts_at(artist, slot) as starts_at,
           pg_temp.booked_at(artist, slot) as created_at,
           status,
           case when status <> 'requested' or n % 3 = 0 then 80 + pg_temp.lot(n, 139) % 72 * 10 end as price
    from (
        select n, n % pg_temp.artists() as artist, n / pg_temp.artists() as slot,
               case
                   when pg_temp.lot(n, 140) % 100 < 9 then 'cancelled'
                   when n / pg_temp.artists() < 28 then case when pg_temp.lot(n, 140) % 100 < 12 then 'no_show' else 'completed' end
                   else case when pg_temp.lot(n, 140) % 100 < 70 then 'confirmed' else 'requested' end
               end as status
        from generate_series(0, 40 * pg_temp.artists() - 1) n
    ) wished
    where slot < 24 or not pg_temp.retired(artist)
    offset 0
) booked;

-- Half of the letters led to the appointment of the same number; the others come from visitors without an account.
insert into public.contact_requests (
    id, artist_id, client_id, appointment_id, name, email, phone, subject, message, wishes, status, answer, answered_at,
    created_at, updated_at)
select pg_temp.key('contact', n),
       pg_temp.key('artist', artist),
       case when booked then client end,
       case when booked then n + 1 end,
       pg_temp.full_name(client),
       pg_temp.email(client),
       case when n % 3 = 0 then pg_temp.phone(client) end,
       'Projet : ' || pg_temp.pick(pg_temp.motifs(), n, 150),
       pg_temp.pick(pg_temp.greetings(), n, 151) || E'\n' || pg_temp.pick(pg_temp.wishes(), n, 152) || ' ' || pg_temp.pick(pg_temp.motifs(), n, 150)
           || ' ' || pg_temp.pick(pg_temp.manners(), n, 153) || ' (' || pg_temp.pick(pg_temp.placements(), n, 154) || '). '
           || pg_temp.pick(pg_temp.questions(), n, 155) || ' ' || pg_temp.pick(pg_temp.questions(), n, 156) || E'\n'
           || pg_temp.pick(pg_temp.closings(), n, 157) || E'\n' || pg_temp.full_name(client),
       case when n % 4 > 0 then jsonb_build_object(
           'placement', pg_temp.pick(pg_temp.placements(), n, 154), 'size_cm', 4 + pg_temp.lot(n, 158) % 30,
           'budget', 50 * (1 + pg_temp.lot(n, 159) % 40), 'colours', pg_temp.lot(n, 160) % 3 = 0)
       end,
       status,
       case when status = 'answered' then
           pg_temp.pick(pg_temp.greetings(), n, 161) || ' ' || pg_temp.pick(pg_temp.origins(), n, 162) || ', pourquoi pas. '
               || pg_temp.pick(pg_temp.questions(), n, 163) || ' ' || pg_temp.pick(pg_temp.closings(), n, 164)
       end,
       case when status in ('answered', 'closed') then created_at + make_interval(mins => (15 + pg_temp.lot(n, 165) % 1400)::int) end,
       created_at,
       case when status in ('answered', 'closed') then created_at + make_interval(mins => (15 + pg_temp.lot(n, 165) % 1400)::int) end
from (
    select n,
           artist,
           booked,
           case when booked then pg_temp.client(artist, slot) else 22 * pg_temp.artists() + pg_temp.shops() + n end as client,
           case when booked then (array['answered', 'closed'])[1 + n % 4 / 3]
                else (array['pending', 'read', 'answered', 'spam', 'closed'])[1 + pg_temp.lot(n, 166) % 5] end as status,
           pg_temp.booked_at(artist, slot) - interval '24 hours' as created_at
    from (
        select n, n % pg_temp.artists() as artist, n / pg_temp.artists() as slot, pg_temp.lot(n, 167) % 2 = 0 as booked
        from generate_series(0, 15 * pg_temp.artists() - 1) n
    ) written
    offset 0
) sent;


-- References and indexes come back ----------------------------------------------------------------------------------

do $$
declare
    restore_it text;
begin
    -- Last out, first in: indexes before the references that are checked with them.
    for restore_it in select command from aside order by ordinal desc loop
        execute restore_it;
    end loop;
end
$$;

drop table aside;


-- Sequences go on behind the last row --------------------------------------------------------------------------------

select setval(pg_get_serial_sequence('public.users', 'id'), max(id)) from public.users;
select setval(pg_get_serial_sequence('public.cities', 'id'), max(id)) from public.cities;
select setval(pg_get_serial_sequence('public.artist_salons', 'id'), max(id)) from public.artist_salons;
select setval(pg_get_serial_sequence('public.tags', 'id'), max(id)) from public.tags;
select setval(pg_get_serial_sequence('public.appointments', 'id'), max(id)) from public.appointments;

analyze public.rate_limits, public.cities, public.users, public.shops, public.salons, public.artists,
    public.artist_salons, public.tattoos, public.tags, public.tag_tattoos, public.appointments, public.contact_requests;
