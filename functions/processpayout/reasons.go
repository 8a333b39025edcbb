package processpayout

import "strings"

// The reasons that a worker reads beside a payout that waits or failed. They
// say what is the matter and what will happen, and name no secret.
const (
	reasonBlind     = "Base cannot be read at the moment; nothing is sent or decided until it can"
	reasonNotSafe   = "paid; it is booked once the transaction's block is safe, after about two minutes"
	reasonReorg     = "its transaction is no longer on chain; it will be sent again"
	reasonSent      = "sent; waiting for Base to show the transfer"
	reasonExpiring  = "the signed authorization runs out; a new one with the same nonce follows once Base shows that it was not used"
	reasonRefused   = "not taken for settlement (%s); it will be sent again"
	reasonDailyCap  = "today's limit for payouts is used up; it goes on when a new day begins (UTC)"
	reasonPayoutCap = "above the limit for a single payout; the operator has to look at it"
	reasonPaused    = "payouts are paused by the operator; it goes on by itself after that"
	reasonForeign   = "opened under another treasury or network than is configured now; the operator has to look at it"

	// Those of failed payouts. The credit stays in flight.
	reasonZero      = "the zero address cannot be paid"
	reasonToken     = "the address of the USDC contract cannot be paid"
	reasonTreasury  = "the address of the treasury cannot be paid"
	reasonResults   = "its results do not add up to its amount; the operator has to look at it"
	reasonBlocked   = "USDC has blocked this address: transfers to it are refused by the token"
	reasonDifferent = "its nonce was used by transaction %s for another transfer; the operator has to look at it"
	reasonCanceled  = "its nonce was canceled by transaction %s; the operator has to look at it"
)

var obstacleReasons = map[Obstacle]string{
	RecipientBlocked: reasonBlocked,
	TreasuryBlocked:  "USDC refuses transfers from the treasury; the operator has to look at it",
	TokenPaused:      "USDC is paused; it goes on when transfers are possible again",
	TreasuryShort:    "the treasury is waiting to be refilled; it goes on after that",
}

// plainCode keeps what is short and harmless of a reason that somebody else
// wrote: such a text could hold anything, even the authorization itself.
func plainCode(s string) string {
	const most = 64
	code := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-', r == '.':
			return r
		case r == ' ':
			return '_'
		}
		return -1
	}, s)
	if code == "" || len(code) > most {
		return "no reason given"
	}
	return code
}
