// Package gasbench measures, on a local chain of its own, what payouts and
// their receipts cost in gas: the payout.gas.* and receipt.gas.* figures of
// `make bench`.
//
// The token is this project's own (devchain/contracts). On Circle's contract
// payments.md has 102,800 and 85,700 gas for one transfer to a fresh and to a
// warm recipient, and 64,500 and 47,400 for one of a hundred.
package gasbench

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Figure is one line of `make bench`: name value unit target.
type Figure struct {
	Name  string
	Value float64
	Unit  string
	Max   float64 // the target is at most this; 0 is none
	Min   float64 // the target is at least this; 0 is none
}

// batch is how many payouts share a transaction where several do.
const batch = 100

// MaxCompactReceipt is the most that one of 100 compact receipts in one log
// transaction may cost.
const MaxCompactReceipt = 4_000

const perPayout = "gas/payout"

// Measure starts a chain, measures, and stops it. It takes about a second.
func Measure(ctx context.Context) (figures []Figure, err error) {
	dev, err := devchain.Start(ctx, devchain.Options{Instant: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Stop()) }()
	m := &meter{dev: dev, treasury: signer.FromKey(dev.Treasury)}
	for _, part := range []func(context.Context) ([]Figure, error){m.transfers, m.batches, m.receipts} {
		f, err := part(ctx)
		if err != nil {
			return nil, fmt.Errorf("gasbench: %w", err)
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

type meter struct {
	dev      *devchain.Chain
	treasury *signer.KeySigner
	seq      int64
}

// worker is the i-th of those that are paid; its address is as random as any.
func worker(i int) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte(fmt.Sprintf("worker %d", i)))[12:])
}

// transfer is the call that pays a worker $0.01.
func (m *meter) transfer(ctx context.Context, to common.Address) ([]byte, error) {
	m.seq++
	head, err := m.dev.Head(ctx)
	if err != nil {
		return nil, err
	}
	a := x402.Authorization{
		From: m.treasury.Address(), To: to, Value: 10_000, ValidBefore: int64(head.Time) + 3600,
		Nonce: ledger.PayoutNonce(m.dev.Network.ChainID, m.treasury.Address(), ledger.PayoutID{Worker: to, Seq: m.seq}),
	}
	p, err := x402.Sign(ctx, m.treasury, m.dev.Network.Domain(), a)
	if err != nil {
		return nil, err
	}
	return chain.SignedTransfer{
		From: a.From, To: a.To, Value: a.Value, ValidAfter: a.ValidAfter, ValidBefore: a.ValidBefore, Nonce: a.Nonce, Signature: p.Signature,
	}.Calldata()
}

// gas sends a transaction and returns what it used.
func (m *meter) gas(ctx context.Context, from *ecdsa.PrivateKey, to common.Address, data []byte, limit uint64) (float64, error) {
	r, err := m.dev.Transact(ctx, devchain.Tx{From: from, To: to, Data: data, Gas: limit})
	if err != nil {
		return 0, err
	}
	return float64(r.GasUsed), nil
}

// transfers are payouts of one transaction each. The first one of all sets the
// treasury's own slots, and does not count.
func (m *meter) transfers(ctx context.Context) ([]Figure, error) {
	figures := []Figure{{}, {Name: "payout.gas.single_fresh"}, {Name: "payout.gas.single_warm"}}
	for i, to := range []common.Address{worker(0), worker(1), worker(1)} {
		data, err := m.transfer(ctx, to)
		if err != nil {
			return nil, err
		}
		if figures[i].Value, err = m.gas(ctx, m.dev.Relayer, m.dev.Network.Token, data, chain.TransferGas); err != nil {
			return nil, err
		}
		figures[i].Unit = perPayout
	}
	return figures[1:], nil
}

// batches are 100 payouts through Multicall3.
func (m *meter) batches(ctx context.Context) ([]Figure, error) {
	figures := []Figure{{Name: "payout.gas.batch100_fresh"}, {Name: "payout.gas.batch100_warm"}}
	for i := range figures {
		calls := make([][]byte, batch)
		for n := range calls {
			data, err := m.transfer(ctx, worker(1_000+n))
			if err != nil {
				return nil, err
			}
			calls[n] = data
		}
		used, err := m.gas(ctx, m.dev.Relayer, m.dev.Multicall, chain.Aggregate3(m.dev.Network.Token, calls), chain.BatchGas+batch*chain.BatchItemGas)
		if err != nil {
			return nil, err
		}
		figures[i].Value, figures[i].Unit = used/batch, perPayout
		// Every one of them may fail without the others, but none may here.
		for n := range batch {
			got, err := m.dev.USDCBalance(ctx, worker(1_000+n))
			if err != nil {
				return nil, err
			}
			if want := int64(i+1) * 10_000; got.Int64() != want {
				return nil, fmt.Errorf("worker %d has %s micros after batch %d, not %d", n, got, i+1, want)
			}
		}
	}
	return figures, nil
}

// receipts are log transactions of one and of 100 receipts, in both forms.
func (m *meter) receipts(ctx context.Context) ([]Figure, error) {
	logAddress := common.HexToAddress("0x00000000000000000000000000000000000010C5")
	var figures []Figure
	for _, c := range []struct {
		name   string
		n      int
		encode func([]receipt.Receipt) ([]byte, error)
		max    float64
	}{
		{"receipt.gas.json_single", 1, receipt.EncodeJSON, 0},
		{"receipt.gas.compact_single", 1, receipt.EncodeCompact, 0},
		{"receipt.gas.json_batch100", batch, receipt.EncodeJSON, 0},
		{"receipt.gas.compact_batch100", batch, receipt.EncodeCompact, MaxCompactReceipt},
	} {
		calldata, err := c.encode(samples(c.n))
		if err != nil {
			return nil, err
		}
		used, err := m.gas(ctx, m.dev.LogSender, logAddress, calldata, 0)
		if err != nil {
			return nil, err
		}
		figures = append(figures, Figure{Name: c.name, Value: used / float64(c.n), Unit: perPayout, Max: c.max})
	}
	return figures, nil
}

// samples are receipts as they are after some months: workers at their
// thousandth payout, $0.10 or more each, booked within the minute that a
// batch may take.
func samples(n int) []receipt.Receipt {
	rs := make([]receipt.Receipt, n)
	for i := range rs {
		rs[i] = receipt.Receipt{
			PayoutID:     ledger.PayoutID{Worker: worker(i), Seq: int64(900 + i)},
			AmountMicros: ledger.Micros(100_000 + 7*i),
			ResultCount:  int64(700 + i),
			ResultsHash:  ledger.ResultsHash([]string{fmt.Sprint(i)}),
			PayoutTxHash: crypto.Keccak256Hash([]byte(fmt.Sprint(i))),
			TS:           time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli() + int64(i)*60_000/int64(n),
		}
	}
	return rs
}
