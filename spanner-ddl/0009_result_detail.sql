-- What a worker says of a check beyond the first version's fields. Old workers say
-- none of it.

ALTER TABLE WorkerResults ADD COLUMN ErrorClass STRING(16); -- dns, connect, tls, timeout, status, protocol, body
-- The phases, in ms; null where a check did not come to one, or did not need it.
ALTER TABLE WorkerResults ADD COLUMN DnsMs INT64;
ALTER TABLE WorkerResults ADD COLUMN ConnectMs INT64;
ALTER TABLE WorkerResults ADD COLUMN TlsMs INT64;
ALTER TABLE WorkerResults ADD COLUMN FirstByteMs INT64;
ALTER TABLE WorkerResults ADD COLUMN TotalMs INT64;
