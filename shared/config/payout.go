package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ProcessPayout configures the function that pays. It alone is given the keys.
type ProcessPayout struct {
	Log      Log
	Database Database
	Money    Money
	RPC      Secret `env:"BASE_RPC_URL, required"` // may hold a provider's key

	Treasury  Key `env:", prefix=TREASURY_"`
	LogSender Key `env:", prefix=LOG_SENDER_"`

	LogAddress  Address `env:"BLOCKRUN_LOG_ADDRESS, required"`
	Facilitator string  `env:"X402_FACILITATOR_URL, required"`
	CDPKeyID    string  `env:"CDP_API_KEY_ID"` // both or neither
	CDPSecret   Secret  `env:"CDP_API_KEY_SECRET"`

	// Nothing is signed above these. There is no default: who pays says how much.
	PayoutMax ledger.Micros `env:"PAYOUT_MAX_MICROS, required"`
	DailyMax  ledger.Micros `env:"PAYOUT_DAILY_MAX_MICROS, required"`

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

// Validate reports values that could not work. What the chain has to say about
// them is checked later.
func (c *ProcessPayout) Validate() error {
	if _, err := c.Money.Network(); err != nil {
		return err
	}
	if err := c.Treasury.validate("TREASURY_"); err != nil {
		return err
	}
	if err := c.LogSender.validate("LOG_SENDER_"); err != nil {
		return err
	}
	switch {
	case (c.CDPKeyID == "") != (c.CDPSecret == ""):
		return errors.New("CDP_API_KEY_ID and CDP_API_KEY_SECRET belong together; set both or neither")
	case c.PayoutMax <= 0 || c.DailyMax < c.PayoutMax:
		return fmt.Errorf("PAYOUT_MAX_MICROS is %d and PAYOUT_DAILY_MAX_MICROS %d; want above 0, and the day's at least the payout's", c.PayoutMax, c.DailyMax)
	case c.AttemptTime < time.Second || c.AttemptTime > 9*time.Minute:
		return fmt.Errorf("PAYOUT_ATTEMPT_TIME is %v; want 1s to 9m", c.AttemptTime)
	case c.Receipts.Form != "compact" && c.Receipts.Form != "json":
		return fmt.Errorf("RECEIPT_FORM is %q; want compact or json", c.Receipts.Form)
	}
	return nil
}

// Key says where a key is: exactly one field is set.
type Key struct {
	Hex  Secret `env:"KEY"`      // 0x and 64 hex digits
	File string `env:"KEY_FILE"` // with the same in one line: a mounted secret
	KMS  string `env:"KMS_KEY"`  // key version of Cloud KMS
}

func (k Key) validate(prefix string) error {
	n := 0
	for _, set := range []bool{k.Hex != "", k.File != "", k.KMS != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("of %[1]sKEY, %[1]sKEY_FILE and %[1]sKMS_KEY, %[2]d are set; set exactly one", prefix, n)
	}
	return nil
}
