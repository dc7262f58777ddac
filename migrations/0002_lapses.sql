-- Until when a record holds, beside its stored form, so that those that have lapsed are found without reading the others.
-- A new column without a default is a note in the catalog: no row is touched. Programs of schema 1 neither read nor write
-- it: their records stay without a value, and are found by the daily look at every record.
alter table lictor_records add column if not exists until_ms bigint;
