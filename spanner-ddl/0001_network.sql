-- Addresses are 0x and 40 lower-case hex digits everywhere. Money is INT64
-- micros (0.000001 USDC). No key and no index begins with a time.

-- What is to be checked, and the open cycle of each.
CREATE TABLE Tasks (
  TaskId          STRING(128)  NOT NULL,
  Url             STRING(2048) NOT NULL,
  ExpectedStatus  INT64        NOT NULL,
  TimeoutMs       INT64        NOT NULL,
  RewardMicros    INT64        NOT NULL,
  Region          STRING(64)   NOT NULL, -- '': any
  IntervalMs      INT64        NOT NULL,
  BuyerTier       STRING(16)   NOT NULL, -- best_effort, standard, premium
  Class           STRING(16)   NOT NULL, -- standard, priority, high_value, enterprise
  Active          BOOL         NOT NULL,
  Shard           INT64        NOT NULL, -- of the due queue; a hash of TaskId
  Cycle           INT64        NOT NULL, -- the open cycle, or the next one while not due
  HolderWorkers   ARRAY<STRING(42)>,     -- holds on the open cycle, side by side with
  HolderExpires   ARRAY<TIMESTAMP>,      -- when each ends
  LastAcceptedAt  TIMESTAMP,
  OfferAt         TIMESTAMP,             -- when it can next be handed out; NULL while paused
  CreatedAt       TIMESTAMP    NOT NULL,
  UpdatedAt       TIMESTAMP    NOT NULL,
) PRIMARY KEY (TaskId);

-- The due queue, one for each region, so that a poll reads no task that it
-- could not be given.
CREATE NULL_FILTERED INDEX TasksByOffer ON Tasks (Shard, Region, OfferAt) STORING (Class, BuyerTier);

-- Each worker's latest hold on each task.
CREATE TABLE Assignments (
  TaskId      STRING(128) NOT NULL,
  Worker      STRING(42)  NOT NULL,
  Cycle       INT64       NOT NULL,
  AssignedAt  TIMESTAMP   NOT NULL,
  ExpiresAt   TIMESTAMP   NOT NULL,
  ResultAt    TIMESTAMP,             -- timestamp of the last result judged for it
) PRIMARY KEY (TaskId, Worker),
  INTERLEAVE IN PARENT Tasks ON DELETE CASCADE,
  ROW DELETION POLICY (OLDER_THAN(ExpiresAt, INTERVAL 2 DAY));

-- The books of each worker.
CREATE TABLE WorkerCredits (
  Worker             STRING(42) NOT NULL,
  PendingMicros      INT64      NOT NULL,
  InFlightMicros     INT64      NOT NULL,
  TotalEarnedMicros  INT64      NOT NULL,
  TotalPaidMicros    INT64      NOT NULL,
  PayoutSeq          INT64      NOT NULL, -- the payout that collects what is pending
  PendingResults     INT64      NOT NULL,
  LastPayoutAt       TIMESTAMP,
  LastPayoutTx       STRING(66),
  UpdatedAt          TIMESTAMP  NOT NULL,
  CONSTRAINT BooksNotNegative CHECK (PendingMicros >= 0 AND InFlightMicros >= 0 AND TotalPaidMicros >= 0 AND PendingResults >= 0 AND PayoutSeq >= 1),
  CONSTRAINT BooksBalance CHECK (TotalEarnedMicros = PendingMicros + InFlightMicros + TotalPaidMicros),
) PRIMARY KEY (Worker);

-- Accepted results: inserted once, never changed. The key is what may be
-- credited once for ever. A result belongs to payout (Worker, PayoutSeq), as
-- soon as that row exists.
CREATE TABLE WorkerResults (
  Worker          STRING(42)   NOT NULL,
  TaskId          STRING(128)  NOT NULL,
  TimestampMs     INT64        NOT NULL, -- the worker's, signed
  ResultId        STRING(64)   NOT NULL, -- digest of the signed result, hex
  Cycle           INT64        NOT NULL,
  WorkerAddress   STRING(42)   NOT NULL, -- as spelled in the signed message
  Success         BOOL         NOT NULL,
  ResponseTimeMs  INT64        NOT NULL,
  StatusCode      INT64,
  Error           STRING(1024),
  Signature       STRING(132)  NOT NULL,
  RewardMicros    INT64        NOT NULL, -- credited, multiplier included
  MultiplierBps   INT64        NOT NULL, -- at that moment; 10000 = 1.0
  PayoutSeq       INT64        NOT NULL,
  CreatedAt       TIMESTAMP    NOT NULL,
) PRIMARY KEY (Worker, TaskId, TimestampMs);

CREATE INDEX ResultsByPayout ON WorkerResults (Worker, PayoutSeq) STORING (ResultId, RewardMicros);

-- Payouts: inserted by the posting that moves pending credit in flight.
CREATE TABLE WorkerPayouts (
  Worker           STRING(42) NOT NULL,
  Seq              INT64      NOT NULL, -- 1, 2, 3, ... for each worker
  AmountMicros     INT64      NOT NULL,
  ResultCount      INT64      NOT NULL,
  ResultsHash      STRING(64),          -- set when authorised; the list itself is fixed at insertion
  ChainId          INT64      NOT NULL,
  Token            STRING(42) NOT NULL,
  Treasury         STRING(42) NOT NULL,
  Nonce            STRING(66) NOT NULL, -- EIP-3009; a function of chain, treasury, worker and Seq
  State            STRING(16) NOT NULL, -- pending, authorised, unknown, settled, confirmed, failed
  Reason           STRING(1024),        -- why it waits or failed, for the worker's eyes
  ValidBefore      INT64,               -- of the stored authorization, unix seconds
  Signature        STRING(132),         -- of the stored authorization: a cheque, never logged
  AuthorizedBlock  INT64,               -- chain head when first signed: where a search for it may start
  UsdcTx           STRING(66),          -- the transaction whose receipt holds the Transfer
  UsdcBlock        INT64,
  ReceiptSender    STRING(42),          -- the receipt batch that this payout is in
  ReceiptNonce     INT64,
  LogTx            STRING(66),          -- the transaction that holds its receipt, once safe
  Attempts         INT64      NOT NULL,
  LeaseOwner       STRING(64),
  LeaseUntil       TIMESTAMP,
  WorkShard        INT64      NOT NULL, -- a hash of Worker
  WorkAt           TIMESTAMP,           -- when ProcessPayout should look at it; NULL: nothing to do
  ReceiptDueAt     TIMESTAMP,           -- confirmed and in no receipt batch since; else NULL
  CreatedAt        TIMESTAMP  NOT NULL,
  ConfirmedAt      TIMESTAMP,
  UpdatedAt        TIMESTAMP  NOT NULL,
  CONSTRAINT PayoutPositive CHECK (AmountMicros > 0 AND ResultCount > 0 AND Seq >= 1),
) PRIMARY KEY (Worker, Seq);

CREATE NULL_FILTERED INDEX PayoutsByWork ON WorkerPayouts (WorkShard, WorkAt);
CREATE NULL_FILTERED INDEX PayoutsByReceiptDue ON WorkerPayouts (WorkShard, ReceiptDueAt);
CREATE NULL_FILTERED INDEX PayoutsByReceiptBatch ON WorkerPayouts (ReceiptSender, ReceiptNonce);

-- Log transactions: one batch of receipts per nonce of the sender's account.
-- The row is committed before anything is sent, and holds what will be sent.
CREATE TABLE ReceiptBatches (
  Sender        STRING(42) NOT NULL,
  AccountNonce  INT64      NOT NULL,
  LogAddress    STRING(42) NOT NULL,
  Calldata      BYTES(MAX) NOT NULL,
  ReceiptCount  INT64      NOT NULL,
  State         STRING(16) NOT NULL,   -- open, confirmed, replaced
  OpenSince     TIMESTAMP,             -- while open, else NULL
  ReplacedBy    INT64,                 -- the AccountNonce that took over, when a foreign transaction used this one
  TxHashes      ARRAY<STRING(66)>,     -- every transaction ever signed for this nonce, oldest first
  FeeCapWei     NUMERIC,               -- of the latest one
  TipCapWei     NUMERIC,
  SentAt        TIMESTAMP,
  LogTx         STRING(66),            -- the one that was mined
  LogBlock      INT64,
  CreatedAt     TIMESTAMP  NOT NULL,
  UpdatedAt     TIMESTAMP  NOT NULL,
) PRIMARY KEY (Sender, AccountNonce);

CREATE NULL_FILTERED INDEX ReceiptBatchesOpen ON ReceiptBatches (Sender, OpenSince);

-- Authorised per UTC day, for the daily cap.
CREATE TABLE PayoutDays (
  Day               STRING(10) NOT NULL, -- YYYY-MM-DD
  AuthorizedMicros  INT64      NOT NULL,
  UpdatedAt         TIMESTAMP  NOT NULL,
) PRIMARY KEY (Day);

-- Owners of things that only one instance may do at a time, until a time.
CREATE TABLE Leases (
  Name       STRING(128) NOT NULL,
  Owner      STRING(64)  NOT NULL,
  Until      TIMESTAMP   NOT NULL,
) PRIMARY KEY (Name);

-- Lifetime USD paid for LLM calls, and the tier that follows from it.
CREATE TABLE WalletReputation (
  Wallet         STRING(64) NOT NULL,
  TotalPaidNano  INT64      NOT NULL, -- 1e-9 USD
  Tier           STRING(16) NOT NULL,
  MultiplierBps  INT64      NOT NULL,
  RefreshedAt    TIMESTAMP  NOT NULL,
) PRIMARY KEY (Wallet);
