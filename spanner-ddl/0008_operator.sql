-- What the operator has switched, and what he looks for.

-- No row: as if never touched. ProcessPayout reads it whenever it is about to
-- sign or to send.
CREATE TABLE OperatorSwitches (
  Name       STRING(64)   NOT NULL, -- payouts
  Paused     BOOL         NOT NULL,
  Reason     STRING(1024) NOT NULL, -- of the last change
  ChangedBy  STRING(128)  NOT NULL,
  ChangedAt  TIMESTAMP    NOT NULL,
) PRIMARY KEY (Name);

-- Failed payouts have no work and stand in no index of work. NULL: not failed.
ALTER TABLE WorkerPayouts ADD COLUMN FailedAt TIMESTAMP;
CREATE NULL_FILTERED INDEX PayoutsByFailed ON WorkerPayouts (WorkShard, FailedAt);
