-- Solana wallets whose spend counts for a worker (shared/reputation.Link).

-- A Solana wallet is linked to one worker at a time.
CREATE TABLE WalletLinks (
  Solana    STRING(64) NOT NULL,
  Worker    STRING(64) NOT NULL,
  SignedAt  TIMESTAMP  NOT NULL, -- of the newest link to this worker; older ones change nothing
  LinkedAt  TIMESTAMP  NOT NULL, -- to this worker
) PRIMARY KEY (Solana);

CREATE INDEX WalletLinksByWorker ON WalletLinks (Worker) STORING (LinkedAt);

-- Every change of WalletLinks, for ever, with what proves it.
CREATE TABLE WalletLinkChanges (
  Solana           STRING(64)   NOT NULL,
  SignedAt         TIMESTAMP    NOT NULL,
  Worker           STRING(64)   NOT NULL,
  PreviousWorker   STRING(64),            -- that had it; NULL: nobody
  Message          STRING(1024) NOT NULL, -- what both wallets signed
  Signature        STRING(256)  NOT NULL, -- the worker's
  SolanaSignature  STRING(256)  NOT NULL,
  LinkedAt         TIMESTAMP    NOT NULL,
) PRIMARY KEY (Solana, SignedAt);
