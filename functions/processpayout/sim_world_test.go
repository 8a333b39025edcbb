package processpayout

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// world is a simulation of the money path: the function under test, and around
// it a database, a chain, a facilitator and a queue that can all misbehave.
// Everything that is random comes from one seed, and only one goroutine runs
// at a time, so a seed always gives the same run.
type world struct {
	t           reporter
	seed        uint64
	rng         *rand.Rand
	now         time.Time
	store       *simStore
	chain       *simChain
	facilitator simFacilitator
	queue       []hint.Hint // what Pub/Sub will deliver
	logAddress  common.Address
	opening     ledger.PayoutPolicy
	policy      Policy
	logPolicy   LogPolicy
	relay       RelayPolicy
	oneRail     bool // there is no relayer
	keys        struct{ treasury, log, relayer *signer.KeySigner }
	caps        ledger.PayoutCaps
	wrap        func(Deps) Deps // a mutation of the function under test, or nil

	cheques []x402.Payment // every authorization that ever left a process

	// lost are the nonces of payouts that were there before the database was
	// restored to an earlier hour.
	lost map[common.Hash]bool

	// fault says what happens to the next effect of that name.
	fault   func(name string) fault
	effects int  // seen so far
	unasked bool // something was given to a rail that the database had not released
	touched bool // something may have changed since the last check
	ids     int
	log     bytes.Buffer
}

func simKey(n byte) *signer.KeySigner {
	key, err := crypto.ToECDSA(append(make([]byte, 31), n))
	if err != nil {
		panic(err)
	}
	return signer.FromKey(key)
}

// reporter is what a test tells its failures to.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t reporter, seed uint64) *world {
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), now: t0, store: newSimStore(),
		logAddress: common.HexToAddress("0x1090000000000000000000000000000000000109"),
		policy:     DefaultPolicy(), logPolicy: DefaultLogPolicy(),
		caps: ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 1_000_000_000},
	}
	w.keys.treasury, w.keys.log, w.keys.relayer = simKey(1), simKey(2), simKey(3)
	w.relay = DefaultRelayPolicy()
	w.relay.Poll = 5 * time.Second
	domain := usdc.Domain{Name: "USDC", Version: "2", ChainID: 84532, Contract: token}
	w.opening = ledger.PayoutPolicy{ChainID: 84532, Token: token, Treasury: w.keys.treasury.Address(), Threshold: 10_000, PublishGrace: 30 * time.Second}
	w.chain = newSimChain(domain, w.keys.treasury.Address(), w.keys.log.Address(), w.now)
	w.fault = func(string) fault { return healthy }
	return w
}

// open earns a payout for a worker, published at once.
func (w *world) open(worker common.Address) ledger.PayoutID {
	before := len(w.store.payouts)
	w.store.earn(worker, 100, 100, w.opening, w.now)
	ids := w.store.sorted(func(p ledger.Payout) bool { return p.ID.Worker == worker })
	if len(w.store.payouts) != before+1 {
		w.t.Fatalf("seed %d: no payout was opened", w.seed)
	}
	w.queue = append(w.queue, hint.Payout(ids[len(ids)-1]))
	return ids[len(ids)-1]
}

// restore sets the database back to what it was. Nothing is on its way then:
// processes are stopped for it, and what they sent is mined or gone.
func (w *world) restore(before simStore) {
	w.chain.mempool = nil
	if w.lost == nil {
		w.lost = map[common.Hash]bool{}
	}
	for _, p := range w.store.payouts {
		w.lost[p.Nonce] = true
	}
	*w.store = before.clone()
}

// reopen earns a payout again that was lost, with the same results.
func (w *world) reopen(p ledger.Payout) ledger.PayoutID {
	if _, ok := w.store.payouts[p.ID]; ok {
		return p.ID
	}
	return w.open(p.ID.Worker)
}

// deps is the function under test, as one process.
func (w *world) deps(p *process) Deps {
	clock := func() time.Time { return w.now }
	newID := func() string { w.ids++; return fmt.Sprintf("process-%d", w.ids) }
	log := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Time(a.Key, w.now)
		}
		return a
	}}))
	d := Deps{
		Payouts: p, Cheques: p, Switch: p, Outcomes: p, Chain: p, Rails: []Rail{p}, Signer: w.keys.treasury, Domain: w.chain.domain,
		Caps: w.caps, Policy: w.policy, Now: clock, NewID: newID, Log: log, AttemptTime: time.Minute, LeaseTTL: 4 * time.Minute,
		Receipts: &Receipts{
			Batches: p, Outcomes: p, Leases: p, Account: p, History: p, Mempool: p, Signer: w.keys.log, ChainID: 84532, Address: w.logAddress,
			Encode: receipt.EncodeCompact, Policy: w.logPolicy, Now: clock, NewID: newID, Log: log, LeaseTTL: 4 * time.Minute,
		},
	}
	if !w.oneRail {
		d.Rails = append(d.Rails, &Relayer{
			Sendables: p, Leases: p, Account: p, Mempool: p, Rehearsal: p, Signer: w.keys.relayer, Multicall: simMulticall,
			Policy: w.relay, Companion: w.policy.RailTries, Now: clock, Sleep: p.Sleep, NewID: newID, Log: log, LeaseTTL: 4 * time.Minute,
		})
	}
	for i, rail := range d.Rails {
		d.Rails[i] = released{rail, p}
	}
	if w.wrap != nil {
		d = w.wrap(d)
	}
	return d
}

// start begins the delivery of a hint and stops it before its first effect.
func (w *world) start(h hint.Hint) *process {
	p := &process{world: w, turn: make(chan struct{}), parked: make(chan bool)}
	body, err := hint.EncodePush("s", hint.Message{ID: "m", Data: h.Encode()})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	go func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
			p.parked <- false
		}()
		rec := httptest.NewRecorder()
		New(w.deps(p)).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		p.acked = rec.Code == http.StatusOK
	}()
	return p
}

// deliver runs the deliveries of these hints at once, interleaved by the
// scheduler, and checks the invariants after every effect. Those that were not
// acknowledged are delivered again later.
func (w *world) deliver(hints ...hint.Hint) {
	running := map[int]*process{}
	for i, h := range hints {
		p := w.start(h)
		if <-p.parked {
			running[i] = p
		} else if !p.acked {
			w.queue = append(w.queue, h)
		}
	}
	for len(running) > 0 {
		order := make([]int, 0, len(running))
		for i := range running {
			order = append(order, i)
		}
		slices.Sort(order)
		i := order[w.rng.IntN(len(order))]
		p := running[i]
		p.turn <- struct{}{}
		more := <-p.parked
		w.check()
		if !more {
			delete(running, i)
			if !p.acked {
				w.queue = append(w.queue, hints[i])
			}
		}
	}
}

// round is a quarter of a minute: a block, a sweep, and all messages.
func (w *world) round() {
	w.now = w.now.Add(15 * time.Second)
	w.chain.tick(w.now)
	w.touched = true
	hints := w.queue
	w.queue = nil
	for _, id := range w.store.due(w.now) {
		hints = append(hints, hint.Payout(id))
	}
	w.deliver(append(hints, hint.Receipts())...)
}

// neverEnds is how a simulation fails that does no harm, but does not end.
const neverEnds = "not quiet"

// quiet runs rounds until nothing is left to do, and fails after most of them.
func (w *world) quiet(most int) {
	w.t.Helper()
	for range most {
		w.round()
		if w.done() {
			w.checkEnd()
			return
		}
	}
	w.t.Fatalf("seed %d: %s: %d rounds\n%s", w.seed, neverEnds, most, w.dump())
}

func (w *world) done() bool {
	for _, p := range w.store.payouts {
		if !p.State.Final() || p.State == ledger.Confirmed && p.LogTx == (common.Hash{}) {
			return false
		}
	}
	return len(w.store.openBatches(w.keys.log.Address())) == 0
}

// fatal ends the test with all that is needed to see why.
func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, effect %d: %s\n%s", w.seed, w.effects, fmt.Sprintf(format, args...), w.dump())
}

func (w *world) dump() string {
	var b strings.Builder
	for _, id := range w.store.sorted(func(ledger.Payout) bool { return true }) {
		p := w.store.payouts[id]
		fmt.Fprintf(&b, "%s %s %q attempts %d, work at %v, receipt %v %s\n", id, p.State, p.Reason, p.Attempts, p.WorkAt, p.ReceiptBatch, p.LogTx)
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	b.WriteString(strings.Join(lines[max(0, len(lines)-25):], "\n"))
	return b.String()
}

// give is an authorization that leaves a process: from here on anybody may
// bring it onto the chain, at any time.
func (w *world) give(pay x402.Payment) {
	same := func(other x402.Payment) bool { return string(other.Signature) == string(pay.Signature) }
	if !slices.ContainsFunc(w.cheques, same) {
		w.cheques = append(w.cheques, pay)
	}
}
