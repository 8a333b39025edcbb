package reconcile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// A subject is what a finding is about. There are four:
//
//	transfer 0x<transaction>/<log index>   USDC that left the treasury
//	payout 0x<worker>-<number>             a confirmed payout
//	receipt 0x<transaction> 0x<worker>-<number>
//	log 0x<transaction>                    a log transaction as a whole
//
// and, of the books alone, "books " and what ledger.Disagreement names.
type subject struct {
	kind   string
	tx     common.Hash
	index  uint64
	payout ledger.PayoutID
	books  string
}

const (
	aTransfer = "transfer"
	aPayout   = "payout"
	aReceipt  = "receipt"
	aLog      = "log"
	inBooks   = "books"
)

func (s subject) String() string {
	switch s.kind {
	case aTransfer:
		return fmt.Sprintf("%s %s/%d", s.kind, hexOf(s.tx), s.index)
	case aPayout:
		return s.kind + " " + s.payout.String()
	case aReceipt:
		return s.kind + " " + hexOf(s.tx) + " " + s.payout.String()
	case aLog:
		return s.kind + " " + hexOf(s.tx)
	}
	const most = 200 // of the column's 256
	return inBooks + " " + s.books[:min(len(s.books), most)]
}

var errSubject = errors.New("reconcile: not a finding's subject")

// parseSubject reads what String writes.
func parseSubject(text string) (subject, error) {
	kind, rest, _ := strings.Cut(text, " ")
	s := subject{kind: kind}
	var err error
	switch kind {
	case aTransfer:
		tx, index, _ := strings.Cut(rest, "/")
		s.tx = common.HexToHash(tx)
		s.index, err = strconv.ParseUint(index, 10, 64)
	case aPayout:
		s.payout, err = ledger.ParsePayoutID(rest)
	case aReceipt:
		tx, id, _ := strings.Cut(rest, " ")
		s.tx = common.HexToHash(tx)
		s.payout, err = ledger.ParsePayoutID(id)
	case aLog:
		s.tx = common.HexToHash(rest)
	case inBooks:
		s.books = rest
	}
	if err != nil || s.String() != text {
		return subject{}, fmt.Errorf("%w: %q", errSubject, text)
	}
	return s, nil
}

func hexOf(h common.Hash) string { return strings.ToLower(h.Hex()) }
