-- The result log's way out of the database (shared/resultlog). Keys are
-- digests, so that writes spread.

-- Accepted results that are in no part yet, one row a submission.
CREATE TABLE ResultLogOutbox (
  EntryId     STRING(64) NOT NULL, -- the id of its first result
  AcceptedAt  TIMESTAMP  NOT NULL,
  Results     INT64      NOT NULL,
  Lines       BYTES(MAX) NOT NULL, -- as they will stand in the file
) PRIMARY KEY (EntryId);

-- Every file of the log, for ever. A row is committed before its file is
-- written.
CREATE TABLE ResultLogParts (
  PartId     STRING(64) NOT NULL, -- SHA-256 of the file
  Day        STRING(10) NOT NULL, -- YYYY-MM-DD
  Results    INT64      NOT NULL,
  Bytes      INT64      NOT NULL,
  CreatedAt  TIMESTAMP  NOT NULL,
  WrittenAt  TIMESTAMP,           -- NULL: perhaps not written yet
) PRIMARY KEY (PartId);

-- What the files hold that are perhaps not written yet.
CREATE TABLE ResultLogContents (
  PartId   STRING(64) NOT NULL,
  Content  BYTES(MAX) NOT NULL,
) PRIMARY KEY (PartId),
  INTERLEAVE IN PARENT ResultLogParts;
