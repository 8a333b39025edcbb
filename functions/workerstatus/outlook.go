package workerstatus

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// What stands for a reason that was never recorded, and what happens next. All
// of it is written for workers; the times stand beside it.
const (
	openedReason = "it has reached the threshold; it is not signed yet"
	signedReason = "the payment is signed; it is being sent"

	nextSign    = "it is signed and sent, as a rule within a minute"
	nextResign  = "the network tries again, and signs it as soon as it can"
	nextResend  = "the same signed payment is sent until the transfer is on chain; when it runs out unused, it is signed anew with the same nonce, so that it cannot be paid twice"
	nextBook    = "it is booked as paid when the transaction's block is safe; should the block vanish, it is sent again"
	nextFailed  = "it is not tried again by itself: the operator can send it again, and until then the amount stays on your books as in flight"
	nextReceipt = "its receipt is written on chain within some minutes"
)

// outlook says why a payout is where it is, and what its worker may expect. A
// payout that is not confirmed always has both; one that has its receipt has
// neither.
func outlook(p ledger.Payout) (reason, next string) {
	signed := p.ValidBefore > 0
	reason = p.Reason
	switch {
	case p.State == ledger.Confirmed && p.LogTx == (common.Hash{}):
		return "", nextReceipt
	case p.State == ledger.Confirmed:
		return "", ""
	case p.State == ledger.Failed:
		return reason, nextFailed
	case p.State == ledger.Settled:
		return reason, nextBook
	case signed:
		next = nextResend
	case reason == "":
		next = nextSign
	default:
		next = nextResign
	}
	switch {
	case reason != "":
	case signed:
		reason = signedReason
	default:
		reason = openedReason
	}
	return reason, next
}
