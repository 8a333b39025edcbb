package config

import (
	"net/url"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ProcessPayout configures the function that pays. It alone is given the keys.
type ProcessPayout struct {
	Log      Log
	Database Database
	Money    Money
	RPC      Secret `env:"BASE_RPC_URL"`   // may hold a provider's key
	RPC2     Secret `env:"BASE_RPC_URL_2"` // of another provider, which must agree before a payout is booked; may be missing

	Treasury  Key `env:", prefix=TREASURY_"`
	LogSender Key `env:", prefix=LOG_SENDER_"`
	Relayer   Key `env:", prefix=RELAYER_"` // of the second rail; without it there is none

	LogAddress  Address `env:"BLOCKRUN_LOG_ADDRESS"`
	Facilitator string  `env:"X402_FACILITATOR_URL"`
	CDPKeyID    string  `env:"CDP_API_KEY_ID"` // both or neither
	CDPSecret   Secret  `env:"CDP_API_KEY_SECRET"`
	Multicall   Address `env:"MULTICALL3_ADDRESS, default=0xcA11bde05977b3631167028862bE2a173976CA11"` // the same on every chain

	// Nothing is signed above these. There is no default: who pays says how much.
	PayoutMax       ledger.Micros `env:"PAYOUT_MAX_MICROS"`
	DailyMax        ledger.Micros `env:"PAYOUT_DAILY_MAX_MICROS"`
	PayoutThreshold               // a cap below it would stop every payout

	// AttemptTime bounds one attempt at a payout. Pub/Sub's deadline and the
	// function's timeout are longer.
	AttemptTime time.Duration `env:"PAYOUT_ATTEMPT_TIME, default=2m"`

	Payouts  PayoutTimes
	Receipts ReceiptBatches
}

// PayoutTimes overrides the function's own policy where it is set.
type PayoutTimes struct {
	Validity *time.Duration `env:"PAYOUT_VALIDITY"`  // of a signed authorization
	SafeLag  *time.Duration `env:"PAYOUT_SAFE_LAG"`  // how far the safe block is behind
	SafePoll *time.Duration `env:"PAYOUT_SAFE_POLL"` // how often an unsafe transfer is looked at
	RetryMin *time.Duration `env:"PAYOUT_RETRY_MIN"`
	RetryMax *time.Duration `env:"PAYOUT_RETRY_MAX"`
}

// ReceiptBatches overrides the function's own policy where it is set.
type ReceiptBatches struct {
	Form string         `env:"RECEIPT_FORM, default=compact"` // compact or json
	Min  *int64         `env:"RECEIPT_BATCH_MIN"`             // written at once when so many wait
	Wait *time.Duration `env:"RECEIPT_BATCH_WAIT"`            // or the first has waited for so long
	Max  *int           `env:"RECEIPT_BATCH_MAX"`             // in one transaction
}

// Caps are the limits above which nothing is signed.
func (c *ProcessPayout) Caps() ledger.PayoutCaps {
	return ledger.PayoutCaps{PerPayout: c.PayoutMax, PerDay: c.DailyMax}
}

// HasRelayer reports whether there is a second rail.
func (c *ProcessPayout) HasRelayer() bool { return c.Relayer != (Key{}) }

// Validate reports values that could not work, every one of them. What the
// keys and the chain have to say is checked later.
func (c *ProcessPayout) Validate() error {
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	c.Treasury.check(&p, "TREASURY_")
	c.LogSender.check(&p, "LOG_SENDER_")
	if c.HasRelayer() {
		c.Relayer.check(&p, "RELAYER_")
	}
	c.checkCaps(&p)
	c.checkFacilitator(&p)
	p.need(c.RPC != "", "BASE_RPC_URL", "the URL of a node of the chain")
	if c.RPC2 != "" && c.RPC2 == c.RPC {
		p.add("BASE_RPC_URL_2", "is BASE_RPC_URL; give a node of another provider, or leave it out")
	}
	p.need(c.LogAddress != (Address{}), "BLOCKRUN_LOG_ADDRESS", "the address that receipts are sent to")
	if n, err := c.Money.Network(); err == nil && common.Address(c.LogAddress) == n.Token {
		p.add("BLOCKRUN_LOG_ADDRESS", "is the token's address, which would revert every receipt; set another")
	}
	if c.AttemptTime < time.Second || c.AttemptTime > 9*time.Minute {
		p.add("PAYOUT_ATTEMPT_TIME", "is %v; want 1s to 9m", c.AttemptTime)
	}
	if c.Receipts.Form != "compact" && c.Receipts.Form != "json" {
		p.add("RECEIPT_FORM", "is %q; want compact or json", c.Receipts.Form)
	}
	if n := c.Receipts.Max; n != nil && (*n < 1 || *n > maxReceipts) {
		p.add("RECEIPT_BATCH_MAX", "is %d; want 1 to %d", *n, maxReceipts)
	}
	return p.err()
}

// maxReceipts in one transaction: 200 in JSON are about 80 KB of calldata, and
// nodes take no transaction above 128 KB.
const maxReceipts = 200

func (c *ProcessPayout) checkCaps(p *problems) {
	c.PayoutThreshold.check(p)
	switch {
	case c.PayoutMax <= 0:
		p.add("PAYOUT_MAX_MICROS", "is %d; set the most that one payout may be, 1000000 is $1", int64(c.PayoutMax))
	case c.PayoutMax/2 < c.Threshold:
		// The submission that reaches the threshold may go beyond it, by a batch of
		// rewards; a payout above the cap would wait for an operator.
		p.add("PAYOUT_MAX_MICROS", "is %d, below twice PAYOUT_THRESHOLD_MICROS, %d: a payout is what a worker has earned when the threshold is reached, and may be more; set at least %d",
			int64(c.PayoutMax), int64(c.Threshold), 2*int64(c.Threshold))
	}
	switch {
	case c.DailyMax <= 0:
		p.add("PAYOUT_DAILY_MAX_MICROS", "is %d; set the most that one UTC day's payouts may be, 50000000 is $50", int64(c.DailyMax))
	case c.DailyMax < c.PayoutMax:
		p.add("PAYOUT_DAILY_MAX_MICROS", "is %d, below PAYOUT_MAX_MICROS, %d; raise it", int64(c.DailyMax), int64(c.PayoutMax))
	}
}

// What Coinbase's facilitator asks for (payments.md, x402 version 2).
const (
	cdpHost    = "api.cdp.coinbase.com"
	cdpMinimum = 1_000 // micros, of one settlement
)

func (c *ProcessPayout) checkFacilitator(p *problems) {
	if (c.CDPKeyID == "") != (c.CDPSecret == "") {
		p.add("CDP_API_KEY_ID", "and CDP_API_KEY_SECRET belong together; set both or neither")
	}
	p.need(c.Facilitator != "", "X402_FACILITATOR_URL", "https://"+cdpHost+"/platform/v2/x402, or another facilitator's")
	u, err := url.Parse(c.Facilitator)
	switch {
	case c.Facilitator == "":
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.add("X402_FACILITATOR_URL", "is no http(s) URL; set the facilitator's base, without /settle")
	case u.Host == cdpHost && c.CDPKeyID == "" && c.CDPSecret == "":
		p.add("CDP_API_KEY_ID", "and CDP_API_KEY_SECRET are not set, and %s answers nobody without; set both", cdpHost)
	case u.Host == cdpHost && c.Threshold < cdpMinimum:
		p.add("PAYOUT_THRESHOLD_MICROS", "is %d; %s settles nothing below %d", int64(c.Threshold), cdpHost, cdpMinimum)
	}
}

// Key says where a key is: exactly one field is set.
type Key struct {
	Hex  Secret `env:"KEY"`      // 0x and 64 hex digits
	File string `env:"KEY_FILE"` // with the same in one line: a mounted secret
	KMS  string `env:"KMS_KEY"`  // key version of Cloud KMS
}

func (k Key) check(p *problems, prefix string) {
	n := 0
	for _, set := range []bool{k.Hex != "", k.File != "", k.KMS != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		p.add(prefix+"KEY", "is one of three ways to give the key: of %[1]sKEY, %[1]sKEY_FILE and %[1]sKMS_KEY, %[2]d are set; set exactly one", prefix, n)
	}
}
