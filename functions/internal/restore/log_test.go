package restore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// signed is a result of that key's worker, as worth 300, accepted so long after since.
func signed(t *testing.T, key byte, seq int64, after time.Duration) resultlog.Line {
	t.Helper()
	k, err := crypto.ToECDSA(append(make([]byte, 31), key))
	if err != nil {
		t.Fatal(err)
	}
	who, at := crypto.PubkeyToAddress(k.PublicKey), since.Add(after)
	r := api.Result{TaskID: fmt.Sprintf("task-%d", key), WorkerAddress: who.Hex(), Timestamp: at.UnixMilli(), Success: true}
	if err := api.Sign(&r, k); err != nil {
		t.Fatal(err)
	}
	return resultlog.Line{Result: r, ResultID: api.ResultID(r), Payout: ledger.PayoutID{Worker: who, Seq: seq}, Reward: 300, MultiplierBps: 10_000, AcceptedAt: at}
}

func (f *fake) put(lines ...resultlog.Line) {
	p := resultlog.Parts([]resultlog.Entry{resultlog.NewEntry(lines)})[0]
	if f.objects == nil {
		f.objects = map[string][]byte{}
	}
	f.objects[p.Name()] = p.Content
}

// logged puts a result into the log.
func (f *fake) logged(t *testing.T, seq int64, after time.Duration) common.Address {
	t.Helper()
	l := signed(t, 7, seq, after)
	f.put(l)
	return l.Payout.Worker
}

// A file is noted with all that is in it, once all of it is in the books; of a
// worker who is refused nothing is posted, and no cycle of his is closed.
func TestFilesOfRefusedWorkersStayUnknown(t *testing.T) {
	for _, refused := range []bool{false, true} {
		f := &fake{}
		a, b := signed(t, 1, 1, time.Minute), signed(t, 2, 1, time.Minute)
		lost := resultlog.Line{Payout: a.Payout, Reward: 200, Lost: &resultlog.Lost{Count: 1, ResultsHash: ledger.ResultsHash(nil), Reason: "r"}, AcceptedAt: a.AcceptedAt}
		f.put(a, b, lost)
		f.transfers = []chain.Transfer{{Block: 1060, Tx: common.BigToHash(common.Big1), To: a.Payout.Worker, Value: 500, Nonce: ledger.PayoutNonce(84532, treasury, a.Payout)}}
		if refused { // the books have closed its number without it
			f.next = map[common.Address]int64{b.Payout.Worker: 2}
		}
		found, err := f.deps().Find(t.Context())
		if err != nil || len(found.Refused) > 0 != refused {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := f.deps().Post(t.Context(), found); err != nil {
			t.Fatal(err)
		}
		want, tasks := [][]string{{a.ResultID, b.ResultID, resultlog.LostID(a.Payout)}}, 2
		if refused {
			want, tasks = nil, 1
		}
		if !slices.EqualFunc(f.closed, want, slices.Equal) || len(f.won) != tasks || found.Closing() != len(want) {
			t.Errorf("refused %t: files %v, want %v; cycles %v", refused, f.closed, want, f.won)
		}
	}
}

// All results of a payout are credited before it is closed, however many; what the
// log says of it already is not said again.
func TestAPayoutOfManyResults(t *testing.T) {
	f := &fake{}
	var lines []resultlog.Line
	for i := range chunk + 1 {
		lines = append(lines, signed(t, 1, 1, time.Duration(i)*time.Millisecond))
	}
	id := lines[0].Payout
	lines = append(lines, resultlog.Line{Payout: id, Reward: 200, Lost: &resultlog.Lost{Count: 1, ResultsHash: ledger.ResultsHash(nil), Reason: "r"}, AcceptedAt: since})
	f.put(lines...)
	f.transfers = []chain.Transfer{{Block: 1060, Tx: common.BigToHash(common.Big1), To: id.Worker, Value: 300*(chunk+1) + 200, Nonce: ledger.PayoutNonce(84532, treasury, id)}}
	found, err := f.deps().Find(t.Context())
	if err != nil || !found.Last.Equal(since.Add(chunk*time.Millisecond)) {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := f.deps().Post(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.credited, []int{chunk, 1}) || len(f.posted) != 1 || f.posted[0].Lost.Sum != 200 || !f.inLog {
		t.Errorf("credited %v, posted %+v, said %t", f.credited, f.posted, f.inLog)
	}
}

// What waited for days to be exported is read, as is what an earlier recovery has
// told: it is compared once more, and not noted again. What no worker signed ends it.
func TestWhatIsReadOfTheLog(t *testing.T) {
	f := &fake{}
	f.logged(t, 1, -6*24*time.Hour)
	found, err := f.deps().Find(t.Context())
	if err != nil || found.Files != 1 || found.Lines != 1 || found.Closing() != 1 || found.Steps() != 1 || !found.Last.Equal(since) {
		t.Errorf("%+v, %v", found, err)
	}
	for name := range f.objects {
		_, id, err := resultlog.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		f.told = []string{id}
	}
	if found, err = f.deps().Find(t.Context()); err != nil || found.Files != 0 || found.Closing() != 0 || found.Steps() != 1 {
		t.Errorf("told before: %+v, %v", found, err)
	}
	if err := f.deps().Post(t.Context(), found); err != nil || len(f.closed) != 0 {
		t.Errorf("noted again: %v, %v", f.closed, err)
	}
	forged := signed(t, 1, 1, time.Minute)
	forged.Result.Success = false
	f = &fake{}
	f.put(forged)
	if _, err := f.deps().Find(t.Context()); !errors.Is(err, ErrLog) || !errors.Is(err, resultlog.ErrFalse) {
		t.Errorf("a result that nobody signed: %v", err)
	}
	forgery := slices.Collect(maps.Keys(f.objects))
	f.logged(t, 1, time.Minute)
	d := f.deps()
	d.Without = forgery
	found, err = d.Find(t.Context())
	if err != nil || !slices.Equal(found.LeftOut, forgery) || found.Files != 1 || found.Lines != 1 || found.Closing() != 1 {
		t.Errorf("without the forgery: %+v, %v", found, err)
	}
	delete(f.objects, forgery[0])
	for _, d.Without = range [][]string{slices.Collect(maps.Keys(f.objects)), forgery} {
		if _, err := d.Find(t.Context()); !errors.Is(err, ErrInOrder) {
			t.Errorf("without %v: %v", d.Without, err)
		}
	}
}

// Of two receipts of one payout the first one counts.
func TestTheFirstReceiptCounts(t *testing.T) {
	f := &fake{}
	paid := f.pay(1, 500, 1500)
	for count := range int64(2) {
		data, err := receipt.EncodeCompact([]receipt.Receipt{{
			PayoutID: ledger.PayoutID{Worker: alice, Seq: 1}, AmountMicros: 500, ResultCount: 4 + count, ResultsHash: ledger.ResultsHash(nil), PayoutTxHash: paid.Tx, TS: since.UnixMilli(),
		}})
		if err != nil {
			t.Fatal(err)
		}
		f.logs = append(f.logs, chain.LogTransaction{Sender: sender, Calldata: data})
	}
	found, err := f.deps().Find(t.Context())
	if err != nil || found.Steps() != 1 || found.Plans[0].Steps[0].Close.Lost.Count != 4 {
		t.Errorf("%+v, %v", found, err)
	}
}

// Numbers far above 1000 are found by what the books, the log and the receipts say.
func TestNumbersAreFound(t *testing.T) {
	f := &fake{next: map[common.Address]int64{alice: 5000}}
	f.pay(5003, 500, 1500)
	f.pay(4999, 400, 1400)
	f.rows = []ledger.Payout{{ID: ledger.PayoutID{Worker: alice, Seq: 4999}, Nonce: f.transfers[1].Nonce, Amount: 400, State: ledger.Unknown}}
	found, err := f.deps().Find(t.Context())
	if err != nil || found.Transfers != 2 || found.Foreign != 0 || len(found.Plans) != 1 || len(found.Plans[0].Booked) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The time of the backup may be given too late: results of the log that the books
// do not know say from when on the chain has to be read.
func TestFindReadsAllOfTheLostTime(t *testing.T) {
	f := &fake{}
	who := f.logged(t, 1, time.Minute)
	f.transfers = []chain.Transfer{{
		Block: 1060, Tx: common.BigToHash(common.Big1), To: who, Value: 300, Nonce: ledger.PayoutNonce(84532, treasury, ledger.PayoutID{Worker: who, Seq: 1}),
	}}
	d := f.deps()
	d.Policy.Since = since.Add(time.Hour)
	found, err := d.Find(t.Context())
	if err != nil || found.From != 730 || found.Transfers != 1 || found.Steps() != 1 || found.Plans[0].Steps[0].Close.Tx != f.transfers[0].Tx {
		t.Errorf("%+v, %v", found, err)
	}
}

// What was credited long after a payout was made was not paid by it.
func TestFindKnowsWhenAPayoutWasMade(t *testing.T) {
	for after, moved := range map[time.Duration]int{time.Minute: 0, 3 * time.Minute: 0, time.Hour: 1} {
		f := &fake{}
		who := f.logged(t, 1, after)
		f.transfers = []chain.Transfer{{
			Block: 1060, Tx: common.BigToHash(common.Big1), To: who, Value: 500, Nonce: ledger.PayoutNonce(84532, treasury, ledger.PayoutID{Worker: who, Seq: 1}),
		}}
		found, err := f.deps().Find(t.Context())
		if err != nil || len(found.Plans) != 1 || found.Plans[0].Moved != moved || found.Plans[0].Steps[0].Close.Lost.Sum != ledger.Micros(200+300*moved) {
			t.Errorf("after %v: %+v, %v", after, found, err)
		}
	}
}

// A receipt by a known sender says that something was paid which the chain, as it
// was read, does not show: nothing is opened that may have been paid.
func TestAReceiptWithoutATransferIsRefused(t *testing.T) {
	f := &fake{}
	data, err := receipt.EncodeCompact([]receipt.Receipt{{
		PayoutID: ledger.PayoutID{Worker: alice, Seq: 1}, AmountMicros: 500, ResultCount: 9, ResultsHash: ledger.ResultsHash(nil), PayoutTxHash: common.BigToHash(common.Big1), TS: since.UnixMilli(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.logs = []chain.LogTransaction{{Sender: sender, Calldata: data}}
	found, err := f.deps().Find(t.Context())
	if err != nil || len(found.Refused) != 1 || !errors.Is(found.Refused[0], recovery.ErrRefused) || found.Steps() != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The treasury of the books' payouts may have paid until it was rotated.
func TestTheBooksNameTheirTreasury(t *testing.T) {
	old := common.HexToAddress("0x01d")
	f := &fake{treasuries: []common.Address{old, treasury}}
	f.others = []chain.Transfer{{
		Block: 1500, Tx: common.BigToHash(common.Big2), To: alice, Value: 300, Nonce: ledger.PayoutNonce(84532, old, ledger.PayoutID{Worker: alice, Seq: 1}),
	}}
	found, err := f.deps().Find(t.Context())
	if err != nil || found.Transfers != 1 || found.Steps() != 1 || found.Plans[0].Steps[0].Close.Treasury != old {
		t.Errorf("%+v, %v", found, err)
	}
}

// With a second node, nothing is decided on what one alone says.
func TestTwoNodesMustAgree(t *testing.T) {
	f := &fake{}
	f.pay(1, 500, 1500)
	run := func(second *fake) error {
		d := f.deps()
		d.Second = second
		found, err := d.Find(t.Context())
		if err == nil && (found.Transfers != 1 || found.Steps() != 1) {
			t.Errorf("%+v", found)
		}
		return err
	}
	if err := run(&fake{transfers: f.transfers}); err != nil {
		t.Error(err)
	}
	lie := f.transfers[0]
	lie.Value++
	for name, second := range map[string]*fake{"no transfer": {}, "another amount": {transfers: []chain.Transfer{lie}}, "behind": {transfers: f.transfers, behind: 1}} {
		if err := run(second); !errors.Is(err, ErrNodes) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	if err := run(&fake{transfers: f.transfers, fail: func(string) error { return broken }}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// A number that nobody can have come to is refused, and not counted up to.
func TestNumbersOutOfReach(t *testing.T) {
	f := &fake{}
	who := f.logged(t, 1<<50, time.Minute)
	f.transfers = []chain.Transfer{{Block: 1060, To: who, Value: 300, Nonce: common.BigToHash(common.Big1)}}
	found, err := f.deps().Find(t.Context())
	if err != nil || len(found.Refused) != 1 || found.Steps() != 0 || found.Foreign != 1 {
		t.Errorf("%+v, %v", found, err)
	}
}
