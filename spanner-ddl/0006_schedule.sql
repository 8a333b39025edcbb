-- Who may have a task when (shared/schedule), and what is known of who asks.

ALTER TABLE Tasks ADD COLUMN GroupId STRING(128);          -- of the tasks that check one endpoint from several regions; NULL: alone
ALTER TABLE Tasks ADD COLUMN HolderKinds ARRAY<INT64>;     -- beside HolderWorkers: 0 untrusted, 1 trusted, 2 backup
ALTER TABLE Tasks ADD COLUMN DueAt TIMESTAMP;              -- when the next cycle may open, or this one might have
ALTER TABLE Tasks ADD COLUMN Lane STRING(16);              -- who may have it at EarlyAt, before OfferAt: a class's tiers, or trusted
ALTER TABLE Tasks ADD COLUMN EarlyAt TIMESTAMP;
ALTER TABLE Tasks ADD COLUMN BackupAt TIMESTAMP;           -- when it is offered to backups; NULL: never
ALTER TABLE Tasks ADD COLUMN WindowsFrom TIMESTAMP;        -- beginning of the first window that is not counted
ALTER TABLE Tasks ADD COLUMN WindowsDelivered INT64;       -- ended with an accepted check, before WindowsFrom
ALTER TABLE Tasks ADD COLUMN WindowsMissed INT64;          -- ended without

-- The due queues beside TasksByOffer. A task stands in them only while there
-- is somebody who may have it earlier than others, or a guarantee to keep.
CREATE NULL_FILTERED INDEX TasksByLane ON Tasks (Shard, Region, Lane, EarlyAt);
CREATE NULL_FILTERED INDEX TasksByBackup ON Tasks (Shard, Region, BackupAt);

-- What each worker did with its recent assignments, and how it polls. An
-- address that never delivered is forgotten after a day.
CREATE TABLE WorkerStandings (
  Worker     STRING(42) NOT NULL,
  OpenTasks  ARRAY<STRING(128)>, -- assignments without a result, side by side with
  OpenUntil  ARRAY<TIMESTAMP>,   -- when each hold ends
  Outcomes   INT64      NOT NULL, -- how many are in Recent
  Recent     INT64      NOT NULL, -- a bit for each, the lowest for the last: 1 is delivered
  LostAt     TIMESTAMP,
  RestUntil  TIMESTAMP,           -- follows from the above: nothing is offered before
  Reliable   BOOL       NOT NULL, -- follows from the above
  ProvenAt   TIMESTAMP,           -- of the latest poll that proved the address
  PolledIn   TIMESTAMP,           -- the minute of Polls
  Polls      INT64      NOT NULL,
  ForgetAt   TIMESTAMP  NOT NULL,
  UpdatedAt  TIMESTAMP  NOT NULL,
) PRIMARY KEY (Worker),
  ROW DELETION POLICY (OLDER_THAN(ForgetAt, INTERVAL 0 DAY));

-- The operator's own workers, which are offered nothing but what a guarantee
-- is at risk of.
CREATE TABLE BackupWorkers (
  Worker   STRING(42) NOT NULL,
  AddedAt  TIMESTAMP  NOT NULL,
) PRIMARY KEY (Worker);
