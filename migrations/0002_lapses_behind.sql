-- Built while the servers write. Nothing hangs on it but how fast lapsed records are found.
create index concurrently if not exists lictor_records_until
    on lictor_records (merchant, until_ms) where until_ms is not null;
