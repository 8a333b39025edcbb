-- What the operator's logs of LLM calls hold, so that a log that grew or was
-- replaced replaces its own part in every total (shared/reputation).

-- One row for each log: what counts of it (Counted...), and what was read of a
-- newer edition so far (Staged...). A few rows a day.
CREATE TABLE SpendLogs (
  Day                STRING(10)   NOT NULL, -- YYYY-MM-DD
  Name               STRING(1024) NOT NULL, -- the object's, without .gz
  LogId              STRING(32)   NOT NULL, -- a digest of Name
  CountedVersion     INT64        NOT NULL, -- 0: none
  CountedGeneration  INT64        NOT NULL, -- of the object; 0: gone
  CountedReader      STRING(16)   NOT NULL, -- digest of the adapter
  CountedLines       INT64        NOT NULL,
  CountedBroken      INT64        NOT NULL,
  StagedVersion      INT64        NOT NULL,
  StagedGeneration   INT64        NOT NULL,
  StagedReader       STRING(16)   NOT NULL,
  StagedOffset       INT64        NOT NULL, -- bytes read, after gzip
  StagedPieces       INT64        NOT NULL,
  StagedDone         BOOL         NOT NULL,
  StagedLines        INT64        NOT NULL,
  StagedBroken       INT64        NOT NULL,
  StagedFailed       INT64        NOT NULL,
  StagedRounded      INT64        NOT NULL,
  ReplacedVersion    INT64,                 -- days' totals may still hold it; NULL: they are right
  UpdatedAt          TIMESTAMP    NOT NULL,
) PRIMARY KEY (Day, Name);

-- Each log's totals. Only rows of a log's CountedVersion count.
CREATE TABLE SpendTotals (
  LogId    STRING(32) NOT NULL,
  Version  INT64      NOT NULL,
  Wallet   STRING(64) NOT NULL,
  Piece    INT64      NOT NULL,
  Nano     INT64      NOT NULL, -- 1e-9 USD
) PRIMARY KEY (LogId, Version, Wallet, Piece);

-- The sum of the counted logs, for each wallet and day.
CREATE TABLE WalletSpendDays (
  Wallet  STRING(64) NOT NULL,
  Day     STRING(10) NOT NULL, -- YYYY-MM-DD
  Nano    INT64      NOT NULL, -- 1e-9 USD
) PRIMARY KEY (Wallet, Day);
