package chain

import (
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

var (
	fuzzToken = common.Address{0x83}
	fuzzPayer = common.Address{0x11}
)

// fuzzLogs makes logs of bytes: each byte is one log, mostly of the payer.
func fuzzLogs(script []byte) []*types.Log {
	word := func(b byte) common.Hash { return common.Hash{31: b} }
	var logs []*types.Log
	for i, b := range script {
		l := &types.Log{Address: fuzzToken, Index: uint(i), Topics: []common.Hash{{}, common.BytesToHash(fuzzPayer[:]), word(b >> 4)}}
		switch b & 15 {
		case 0, 1, 2, 3:
			l.Topics[0] = topicUsed
		case 4, 5, 6, 7, 8:
			l.Topics[0], l.Data = topicTransfer, word(b>>4).Bytes()
		case 9:
			l.Topics[0] = topicCanceled
		case 10: // of another payer
			l.Topics[0], l.Topics[1], l.Data = topicTransfer, word(1), word(b).Bytes()
		case 11: // of another token
			l.Topics[0], l.Address = topicUsed, common.Address{1}
		case 12:
			l.Topics = l.Topics[:b>>4&3]
		case 13:
			l.Topics[0], l.Data = topicTransfer, make([]byte, int(b))
		case 14:
			l.Topics[0], l.Data = topicTransfer, common.MaxHash.Bytes()
		case 15:
			l = nil
		}
		logs = append(logs, l)
	}
	return logs
}

// Whatever the logs, every transfer that is laid to an authorization follows
// its AuthorizationUsed, and none is laid to two or counted twice.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{0x10, 0x24})
	f.Add([]byte{0x10, 0x24, 0x34, 0x19, 0x10, 0x0a, 0x54})
	f.Add([]byte{0x10, 0x20, 0x24})
	f.Add([]byte{0x24, 0x10})
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		script := make([]byte, rnd.IntN(20))
		for i := range script {
			script[i] = byte(rnd.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		logs := fuzzLogs(script)
		all, err := entries(logs, fuzzToken, fuzzPayer)
		if err != nil {
			return
		}
		used, transfers, authorised := 0, 0, 0
		for _, l := range logs {
			if l == nil || l.Address != fuzzToken || len(l.Topics) != 3 || l.Topics[1] != common.BytesToHash(fuzzPayer[:]) {
				continue
			}
			switch l.Topics[0] {
			case topicUsed:
				used++
			case topicTransfer:
				transfers++
			}
		}
		seen := map[uint]bool{}
		for _, e := range all {
			if seen[e.log.Index] {
				t.Fatalf("log %d twice", e.log.Index)
			}
			seen[e.log.Index] = true
			if e.canceled {
				continue
			}
			transfers--
			if e.nonce != nil {
				authorised++
			}
			if e.value < 0 {
				t.Fatalf("negative value %d", e.value)
			}
		}
		if used != authorised || transfers != 0 {
			t.Fatalf("%d used and %d authorised; %d transfers left out", used, authorised, transfers)
		}
	})
}
