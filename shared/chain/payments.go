package chain

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// entry is one thing that a payer's logs tell: a transfer, with or without an
// authorization, or a cancelled authorization.
type entry struct {
	canceled bool
	nonce    *common.Hash // of the authorization; nil for a plain transfer
	to       common.Address
	value    ledger.Micros
	log      *types.Log // the Transfer, or the AuthorizationCanceled
}

// entries reads the logs of one transaction, in order, for what the token says
// of the payer; others are passed over.
//
// USDC emits AuthorizationUsed and then the Transfer that it authorised, with
// nothing of the same payer in between, so the first Transfer after it is its
// own: in a transaction of many payouts, too, where two may have the same
// recipient and value. An AuthorizationUsed without a Transfer is an error.
func entries(logs []*types.Log, token, payer common.Address) ([]entry, error) {
	f := filter{contract: token, events: []common.Hash{topicUsed, topicTransfer, topicCanceled}, first: common.BytesToHash(payer[:])}
	var out []entry
	var open *common.Hash
	for _, l := range logs {
		if l == nil || !f.matches(l) {
			continue
		}
		e, err := readLog(l)
		if err != nil {
			return nil, err
		}
		used := l.Topics[0] == topicUsed
		switch {
		case open != nil && (used || e.canceled):
			return nil, fmt.Errorf("chain: authorization %s was used, but no Transfer follows in transaction %s", open, l.TxHash)
		case used:
			open = e.nonce
			continue
		case !e.canceled:
			e.nonce, open = open, nil
		}
		out = append(out, e)
	}
	if open != nil {
		return nil, fmt.Errorf("chain: authorization %s was used, but no Transfer follows", open)
	}
	return out, nil
}

// readLog reads one of the three events, strictly.
func readLog(l *types.Log) (entry, error) {
	bad := func(what any) error {
		return fmt.Errorf("chain: log %d of transaction %s is not as USDC writes it: %v", l.Index, l.TxHash, what)
	}
	if len(l.Topics) != 3 {
		return entry{}, bad("topics")
	}
	if l.Topics[0] != topicTransfer {
		if len(l.Data) != 0 {
			return entry{}, bad("data")
		}
		nonce := l.Topics[2]
		return entry{canceled: l.Topics[0] == topicCanceled, nonce: &nonce, log: l}, nil
	}
	value, err := readMicros(l.Data)
	if err != nil {
		return entry{}, bad(err)
	}
	to := common.BytesToAddress(l.Topics[2][12:])
	if common.BytesToHash(to[:]) != l.Topics[2] {
		return entry{}, bad("recipient")
	}
	return entry{to: to, value: value, log: l}, nil
}
