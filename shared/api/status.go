package api

import "time"

// StatusPath is the third public path, below the base (".../api"): what the
// network knows of a worker. Reading it assigns and changes nothing.
const StatusPath = "/v1/worker/status"

// MaxStatusEntries is how many payouts, and how many results, one answer may
// be asked for.
const MaxStatusEntries = 100

// Amount is an amount of USDC, twice.
type Amount struct {
	Micros int64  `json:"micros"` // 1 = 0.000001 USDC
	USD    string `json:"usd"`    // the same with six decimals: "0.000300"
}

// WorkerStatus answers GET {base}/v1/worker/status?address=0x... with status
// 200. An address that never earned anything has a status of zeros.
//
// Query: address, the worker's or that of a Solana wallet that is linked to it;
// payouts and results, how many of each at most (0 to
// MaxStatusEntries, 20 if left out); before, a payout's number: the payouts
// with lower numbers, and neither Waiting nor Results.
//
// Times are RFC 3339 in UTC. At every moment
// Earned = Pending + InFlight + Paid.
type WorkerStatus struct {
	Address string    `json:"address"` // with EIP-55 checksum
	ChainID int64     `json:"chainId"` // where payouts are opened now: 8453 Base, 84532 Base Sepolia
	Time    time.Time `json:"time"`    // of the answer, by the network's clock

	Tier            string    `json:"tier"`               // bronze, silver, gold or platinum
	Multiplier      string    `json:"multiplier"`         // of the next reward, a decimal: "1.2"
	LifetimePaidUSD string    `json:"lifetimePaidUsd"`    // for LLM calls, nine decimals; negative after refunds
	NextTier        *NextTier `json:"nextTier,omitempty"` // none above platinum
	// Linked are the Solana wallets whose spend is in LifetimePaidUSD, besides
	// OwnPaidUSD, that of the worker's own address. Both are left out when there
	// are none.
	OwnPaidUSD string        `json:"ownPaidUsd,omitempty"`
	Linked     []LinkedSpend `json:"linked,omitempty"`

	Pending        Amount `json:"pending"`        // earned, in no payout yet
	PendingResults int64  `json:"pendingResults"` // that Pending is for
	InFlight       Amount `json:"inFlight"`       // in payouts that are not confirmed, failed ones included
	Paid           Amount `json:"paid"`           // in confirmed payouts
	Earned         Amount `json:"earned"`
	Threshold      Amount `json:"threshold"` // of Pending, at which a payout opens with the next accepted result
	Missing        Amount `json:"missing"`   // from Pending to Threshold

	LastPayoutAt time.Time `json:"lastPayoutAt,omitzero"` // when the latest one was confirmed
	LastPayoutTx string    `json:"lastPayoutTx,omitempty"`

	// Waiting are the payouts that are not confirmed, however old, the latest
	// first, at most MaxStatusEntries; InFlight counts them all.
	Waiting []PayoutStatus `json:"waiting"`
	// Payouts are all payouts, the latest first. NextBefore asks for more of
	// them, as before; it is left out after the first one.
	Payouts    []PayoutStatus `json:"payouts"`
	NextBefore int64          `json:"nextBefore,omitempty"`
	// Results are the latest accepted ones, of the open payout and the one
	// before, the latest first.
	Results []ResultStatus `json:"results"`
}

// NextTier is what the tier above needs.
type NextTier struct {
	Tier       string `json:"tier"`
	Multiplier string `json:"multiplier"`
	FromUSD    string `json:"fromUsd"`    // lifetime USD paid for LLM calls, nine decimals
	MissingUSD string `json:"missingUsd"` // from there to it
}

// PayoutState is where a payout stands: shared/ledger has the moves.
type PayoutState string

// The states of a payout.
const (
	PayoutPending    PayoutState = "pending"    // not signed yet
	PayoutAuthorised PayoutState = "authorised" // signed, perhaps sent
	PayoutUnknown    PayoutState = "unknown"    // sent; the chain does not show it yet
	PayoutSettled    PayoutState = "settled"    // on chain, in a block that is not safe yet
	PayoutConfirmed  PayoutState = "confirmed"  // paid and booked
	PayoutFailed     PayoutState = "failed"     // not paid; its credit stays in flight
)

// PayoutStatus is one payout as its worker may see it.
type PayoutStatus struct {
	ID          string      `json:"id"`  // "0x<worker>-<seq>", as in its receipt on chain
	Seq         int64       `json:"seq"` // 1, 2, 3, ... for each worker
	ChainID     int64       `json:"chainId"`
	Amount      Amount      `json:"amount"`
	ResultCount int64       `json:"resultCount"`
	ResultsHash string      `json:"resultsHash,omitempty"` // SHA-256 over its results' ids, sorted, joined with ",", hex; once authorised
	State       PayoutState `json:"state"`

	Reason string `json:"reason,omitempty"` // why it waits or failed, in words; not of a confirmed one
	Next   string `json:"next,omitempty"`   // what happens next, in words; nothing once its receipt is on chain
	// WaitsUntil is when the network goes on with it, at the latest. A time that
	// has passed means as soon as it can; none, that nothing is planned.
	WaitsUntil time.Time `json:"waitsUntil,omitzero"`
	// AuthorizedUntil is when the signed payment runs out, while it is under
	// way. One that runs out unused is signed anew under the same nonce, so the
	// payout can be paid once in all.
	AuthorizedUntil time.Time `json:"authorizedUntil,omitzero"`

	UsdcTx      string    `json:"usdcTx,omitempty"` // holds the transfer; of settled and confirmed ones
	LogTx       string    `json:"logTx,omitempty"`  // holds the receipt
	CreatedAt   time.Time `json:"createdAt"`        // when its last result was accepted
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
}

// ResultStatus is one accepted result.
type ResultStatus struct {
	TaskID     string    `json:"taskId"`
	Time       time.Time `json:"time"` // of the check, by the worker's clock
	Success    bool      `json:"success"`
	Reward     Amount    `json:"reward"`           // credited, multiplier included
	Multiplier string    `json:"multiplier"`       // at that moment
	ResultID   string    `json:"resultId"`         // as in its payout's ResultsHash
	Payout     string    `json:"payout,omitempty"` // id of the payout that it is in; none while it is pending
}
