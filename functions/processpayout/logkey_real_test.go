package processpayout_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// On real parts, somebody else who has the log sender's key sends transactions
// from its account, before any receipt and between receipts. The gap is noticed,
// what was sent is read from the chain, and each payout has one receipt all the
// same.
func TestRealPartsAnotherHasTheLogKey(t *testing.T) {
	n := newNetwork(t)
	steal := func(count int) {
		for range count {
			_, err := n.chain.Transact(t.Context(), devchain.Tx{From: n.chain.LogSender, To: common.HexToAddress("0xbad"), Data: []byte("gm")})
			n.must(err)
		}
	}
	var payouts []ledger.PayoutID
	earn := func(count int) {
		for range count {
			i := len(payouts)
			payouts = append(payouts, n.open(i, common.BigToAddress(big.NewInt(int64(0xf0000+i)))))
		}
	}
	steal(3)
	earn(3)
	n.settle()
	n.verify(payouts)
	steal(2)
	earn(4)
	n.settle()
	n.verify(payouts)
	steal(1)
	earn(1)
	n.settle()
	n.verify(payouts)

	_, used, err := n.node.AccountNonces(t.Context(), n.deps.Receipts.Signer.Address())
	n.must(err)
	report, err := n.db.Books(t.Context())
	n.must(err)
	if report.Batches != int64(used) {
		t.Errorf("%d batches stand for %d account nonces", report.Batches, used)
	}
	if text := n.log.String(); strings.Count(text, "who else has its key?") != 6 {
		t.Errorf("6 foreign transactions, %d alarms", strings.Count(text, "who else has its key?"))
	}
}
