-- One map of records, as every engine keeps it: what `docs/store-format.md` calls a record, under its key.
-- `merchant` leads the primary key, so that an engine that shards by key keeps a merchant's records together;
-- both parts are bytes, so that their order is the order of bytes whatever the collation of the database.
create table lictor_records (
    merchant bytea not null,
    key bytea not null,        -- merchant, zero byte, kind, the kind's own part
    revision bigint not null,
    stored bytea not null,     -- checksum over key and rest, layout, schema, revision, until, body
    primary key (merchant, key)
);

-- Numbers that are given out in blocks: one update for a million revisions, no sequence.
create table lictor_counters (
    name text primary key,
    value bigint not null
);

insert into lictor_counters (name, value) values ('revision', 0);
