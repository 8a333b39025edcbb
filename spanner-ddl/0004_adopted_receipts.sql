-- Receipts that stand on chain without this database knowing of them: it was
-- restored to an earlier hour. They are found by the account nonces of the log
-- sender, and each keeps its payout from being given a second one.
CREATE TABLE AdoptedReceipts (
  Worker        STRING(42) NOT NULL,
  Seq           INT64      NOT NULL,
  Sender        STRING(42) NOT NULL, -- of the batch in ReceiptBatches that carries it
  AccountNonce  INT64      NOT NULL,
) PRIMARY KEY (Worker, Seq);

-- Nothing takes over from a batch any more: it becomes what its nonce was used
-- for, state adopted, and its payouts fall due again.
ALTER TABLE ReceiptBatches DROP COLUMN ReplacedBy;
