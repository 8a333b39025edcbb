-- The comparison of the books with the chain (functions/reconcile).

-- From a nonce on chain to its payout. That no two have one is a rule of the
-- database now, too.
CREATE UNIQUE INDEX PayoutsByNonce ON WorkerPayouts (Nonce);

-- Confirmed payouts in the order in which they were confirmed.
CREATE NULL_FILTERED INDEX PayoutsByConfirmed ON WorkerPayouts (WorkShard, ConfirmedAt);

-- How far the books have been compared, one row a treasury.
CREATE TABLE Reconciliations (
  Name             STRING(128) NOT NULL, -- chain, token, treasury
  NextBlock        INT64       NOT NULL, -- blocks before it have been compared
  ConfirmedAt      TIMESTAMP,            -- the last confirmed payout that has been; NULL: none
  ConfirmedWorker  STRING(42),
  ConfirmedSeq     INT64,
  BooksAt          TIMESTAMP,            -- when the books were last checked by themselves; NULL: never
  UpdatedAt        TIMESTAMP   NOT NULL,
) PRIMARY KEY (Name);

-- What did not agree when it was compared, and does not yet. It goes when it
-- agrees. An operator who knows why it does not, and that it never will,
-- writes a name into AcceptedBy.
CREATE TABLE ReconcileFindings (
  Name        STRING(128)  NOT NULL,
  Subject     STRING(256)  NOT NULL, -- a transfer, a payout, a receipt, or a place in the books
  Kind        STRING(64)   NOT NULL,
  Detail      STRING(1024) NOT NULL,
  FoundAt     TIMESTAMP    NOT NULL,
  CheckedAt   TIMESTAMP    NOT NULL,
  AcceptedBy  STRING(128),
) PRIMARY KEY (Name, Subject);
