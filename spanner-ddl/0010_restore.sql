-- What a database that was restored to an earlier hour could not be told again
-- of the time it lost (shared/recovery).

-- Results of a payout that neither the database nor the result log has: it was
-- paid on chain, and they are the rest of its amount. With none of them, a
-- payout number of which nothing at all is known, and which is passed over.
CREATE TABLE LostResults (
  Worker        STRING(42)   NOT NULL,
  PayoutSeq     INT64        NOT NULL,
  Results       INT64        NOT NULL, -- at least; how many, the receipt on chain says, if there is one
  RewardMicros  INT64        NOT NULL, -- of all of them
  Reason        STRING(1024) NOT NULL,
  CreatedAt     TIMESTAMP    NOT NULL,
) PRIMARY KEY (Worker, PayoutSeq);

-- A file of the lost time, of which this database was told. NULL: it wrote the
-- file itself, or will.
ALTER TABLE ResultLogParts ADD COLUMN RecoveredAt TIMESTAMP;
