package restore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

var (
	since    = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	treasury = common.HexToAddress("0x7e")
	sender   = common.HexToAddress("0x5e")
	alice    = common.HexToAddress("0xa11ce")
)

// fake is a chain with a block every two seconds, of which block 1000 is that of
// the backup, an empty database and an empty log. fail says what goes wrong.
type fake struct {
	transfers []chain.Transfer
	others    []chain.Transfer // by another treasury
	logs      []chain.LogTransaction
	objects   map[string][]byte
	known     []string

	fail   func(call string) error
	mu     sync.Mutex // files are read side by side
	calls  []string
	asked  uint64 // from which block
	posted []ledger.Recovered
	closed [][]string
	told   []string // files that are known from an earlier recovery

	credited []int // results, by call
	inLog    bool  // of the last payout
	won      map[string][]recovery.Won

	next       map[common.Address]int64 // else 1
	treasuries []common.Address
	behind     uint64 // blocks
	rows       []ledger.Payout
}

func (f *fake) call(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	if f.fail == nil {
		return nil
	}
	return f.fail(name)
}

func (f *fake) deps() Deps {
	return Deps{
		Books: f, Parts: f, Store: f, Chain: f, History: f, Results: f, Senders: []common.Address{sender}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Policy: recovery.Policy{Since: since, PayoutPolicy: ledger.PayoutPolicy{ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: treasury, Threshold: 100}},
	}
}

func (f *fake) Heads(context.Context) (chain.Heads, error) {
	return chain.Heads{Latest: chain.Head{Number: 3060}, Safe: chain.Head{Number: 3000 - f.behind}}, f.call("Heads")
}

func (f *fake) HeadAt(_ context.Context, number uint64) (chain.Head, error) {
	return chain.Head{Number: number, Time: since.Unix() + 2*(int64(number)-1000)}, f.call("HeadAt")
}

func (f *fake) TransfersFrom(_ context.Context, _, who common.Address, from, to uint64, yield func(chain.Transfer) error) error {
	f.asked = from
	transfers := f.transfers
	if who != treasury {
		transfers = f.others
	}
	for _, t := range transfers {
		if t.Block >= from && t.Block <= to {
			if err := yield(t); err != nil {
				return err
			}
		}
	}
	return f.call("TransfersFrom")
}

func (f *fake) CheckTransfers(_ context.Context, _, who common.Address, _, _ uint64, sent ledger.Micros) error {
	var all ledger.Micros
	transfers := f.transfers
	if who != treasury {
		transfers = f.others
	}
	for _, t := range transfers {
		all += t.Value
	}
	if all != sent {
		return chain.ErrLeftOut
	}
	return f.call("CheckTransfers")
}

func (f *fake) LogTransactionsOf(_ context.Context, who, _ common.Address, _, _ uint64, yield func(chain.LogTransaction) error) error {
	for _, l := range f.logs {
		if l.Sender == who {
			if err := yield(l); err != nil {
				return err
			}
		}
	}
	return f.call("LogTransactionsOf")
}

func (f *fake) Names(_ context.Context, fromDay string, yield func(string) error) error {
	for name := range f.objects {
		if name >= resultlog.Prefix+fromDay {
			if err := yield(name); err != nil {
				return err
			}
		}
	}
	return f.call("Names")
}

func (f *fake) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.objects[name])), f.call("Open")
}

func (f *fake) KnownParts(_ context.Context, ids []string) (map[string]recovery.KnownPart, error) {
	out := map[string]recovery.KnownPart{}
	for _, id := range ids {
		if slices.Contains(f.known, id) {
			out[id] = recovery.OwnPart
		}
		if slices.Contains(f.told, id) {
			out[id] = recovery.RecoveredPart
		}
	}
	return out, f.call("KnownParts")
}

func (f *fake) RecoverPart(_ context.Context, _ resultlog.PartName, ids []string, _ time.Time) error {
	f.closed = append(f.closed, ids)
	return f.call("RecoverPart")
}

func (f *fake) RecoveryBooks(_ context.Context, worker common.Address, _ []resultlog.InPart) (recovery.Books, error) {
	b := recovery.Books{Worker: worker, Credits: ledger.NewCredits()}
	b.Credits.PayoutSeq = max(1, f.next[worker])
	return b, f.call("RecoveryBooks")
}

func (f *fake) NextNumbers(context.Context, []common.Address) (map[common.Address]int64, error) {
	return f.next, f.call("NextNumbers")
}

func (f *fake) PayoutsByNonce(context.Context, []common.Hash) ([]ledger.Payout, error) {
	return f.rows, f.call("PayoutsByNonce")
}

func (f *fake) Treasuries(context.Context, int64, common.Address) ([]common.Address, error) {
	return f.treasuries, f.call("Treasuries")
}

func (f *fake) RecoverResults(_ context.Context, _ common.Address, _ int64, some []resultlog.InPart, _ time.Time) (ledger.ResultSum, error) {
	f.credited = append(f.credited, len(some))
	return ledger.ResultSum{}, f.call("RecoverResults")
}

func (f *fake) RecoverPayout(_ context.Context, r ledger.Recovered, _ ledger.PayoutPolicy, inLog bool, _ time.Time) error {
	f.inLog = inLog
	f.posted = append(f.posted, r)
	return f.call("RecoverPayout")
}

func (f *fake) RecoverTasks(_ context.Context, won map[string][]recovery.Won, _ time.Time) error {
	f.won = won
	return f.call("RecoverTasks")
}

// pay puts a payout on chain.
func (f *fake) pay(seq int64, amount ledger.Micros, block uint64) chain.Transfer {
	id := ledger.PayoutID{Worker: alice, Seq: seq}
	t := chain.Transfer{Block: block, Tx: common.BigToHash(common.Big32), To: alice, Value: amount, Nonce: ledger.PayoutNonce(84532, treasury, id)}
	f.transfers = append(f.transfers, t)
	return t
}

// What is read begins a little before the backup, however long the chain is.
func TestFindBeginsBeforeTheBackup(t *testing.T) {
	f := &fake{}
	found, err := f.deps().Find(t.Context())
	if err != nil || found.From != 700 || f.asked != 700 || found.To != 3000 || found.Steps() != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	d := f.deps()
	d.FromBlock = 900
	if found, err := d.Find(t.Context()); err != nil || found.From != 900 {
		t.Errorf("%+v, %v", found, err)
	}
	d.Policy.Since = since.Add(48 * time.Hour) // of a chain that stands still
	if found, err := d.Find(t.Context()); err != nil || found.From != 3000 {
		t.Errorf("%+v, %v", found, err)
	}
}

// A payout is recovered with what its receipt says, if it is by a known sender.
func TestReceiptsCountByKnownSenders(t *testing.T) {
	for _, c := range []struct {
		sender common.Address
		lost   int64
	}{{sender, 9}, {alice, 1}} {
		f := &fake{}
		paid := f.pay(3, 500, 1500)
		f.transfers = append(f.transfers, chain.Transfer{Block: 1600, To: alice, Value: 5}, chain.Transfer{Block: 1600, To: alice, Value: 5, Nonce: common.BigToHash(common.Big1)})
		data, err := receipt.EncodeCompact([]receipt.Receipt{{
			PayoutID: ledger.PayoutID{Worker: alice, Seq: 3}, AmountMicros: 500, ResultCount: 9, ResultsHash: ledger.ResultsHash(nil), PayoutTxHash: paid.Tx, TS: since.UnixMilli(),
		}})
		if err != nil {
			t.Fatal(err)
		}
		f.logs = []chain.LogTransaction{{Sender: c.sender, Calldata: []byte("rubbish")}, {Sender: c.sender, Calldata: data}}
		found, err := f.deps().Find(t.Context())
		if err != nil || found.Transfers != 1 || found.Foreign != 2 || found.Steps() != 3 {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := f.deps().Post(t.Context(), found); err != nil {
			t.Fatal(err)
		}
		if len(f.posted) != 3 || !f.posted[0].Skip || !f.posted[1].Skip || f.posted[2].Lost.Count != c.lost || f.posted[2].Lost.Sum != 500 {
			t.Errorf("by %s: %+v", c.sender, f.posted)
		}
	}
}

// What a treasury paid that was rotated since counts when it is named, and keeps
// its nonce.
func TestRotatedTreasury(t *testing.T) {
	old := common.HexToAddress("0x01d")
	f := &fake{}
	f.pay(2, 500, 1600)
	f.others = []chain.Transfer{{
		Block: 1500, Tx: common.BigToHash(common.Big2), To: alice, Value: 300, Nonce: ledger.PayoutNonce(84532, old, ledger.PayoutID{Worker: alice, Seq: 1}),
	}}
	d := f.deps()
	found, err := d.Find(t.Context())
	if err != nil || found.Transfers != 1 || !found.Plans[0].Steps[0].Close.Skip {
		t.Fatalf("%+v, %v", found, err)
	}
	d.Treasuries = []common.Address{old, treasury}
	found, err = d.Find(t.Context())
	if err != nil || found.Transfers != 2 || found.Steps() != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, want := range []common.Address{old, treasury} {
		if c := found.Plans[0].Steps[i].Close; c.Treasury != want || c.ID.Seq != int64(i)+1 {
			t.Errorf("payout %d: %+v", i+1, c)
		}
	}
}

// Nothing is decided on what a node leaves out, or on what may still vanish.
func TestFindTrustsNoHalfView(t *testing.T) {
	f := &fake{}
	f.pay(1, 500, 3050)
	if _, err := f.deps().Find(t.Context()); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a transfer that is not safe: %v", err)
	}
	f = &fake{}
	f.pay(1, 500, 99) // not shown: as if the node had left it out
	if _, err := f.deps().Find(t.Context()); !errors.Is(err, chain.ErrLeftOut) {
		t.Errorf("a transfer that is left out: %v", err)
	}
	content := []byte("{}\n")
	part := resultlog.NewPart(since.Format(time.DateOnly), 0, content)
	f = &fake{objects: map[string][]byte{part.Name(): content, "results/notes.txt": nil}}
	if _, err := f.deps().Find(t.Context()); !errors.Is(err, ErrLog) {
		t.Errorf("a file that is not the log's: %v", err)
	}
	f.known = []string{part.ID}
	if found, err := f.deps().Find(t.Context()); err != nil || found.Files != 0 {
		t.Errorf("a known file was read: %+v, %v", found, err)
	}
}

// Each call that fails ends it with that error; a file is noted when all that is
// before it was posted.
func TestEveryFailureEndsIt(t *testing.T) {
	whole := &fake{objects: map[string][]byte{}}
	whole.pay(1, 500, 1500)
	empty := resultlog.NewPart(since.Format(time.DateOnly), 0, nil)
	whole.objects[empty.Name()] = nil
	run := func(f *fake) error {
		found, err := f.deps().Find(t.Context())
		if err != nil {
			return err
		}
		return f.deps().Post(t.Context(), found)
	}
	if err := run(whole); err != nil || whole.calls[len(whole.calls)-1] != "RecoverPart" {
		t.Fatalf("%v after %v", err, whole.calls)
	}
	broken := errors.New("broken")
	for n := range whole.calls {
		f := &fake{objects: whole.objects, transfers: whole.transfers}
		f.fail = func(string) error {
			if len(f.calls) == n+1 {
				return broken
			}
			return nil
		}
		if err := run(f); !errors.Is(err, broken) || len(f.calls) != n+1 {
			t.Errorf("call %d, %s: %v after %d calls", n, whole.calls[n], err, len(f.calls))
		}
	}
}
