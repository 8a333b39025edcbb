package processpayout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// node answers with what it is given.
type node struct {
	status  chain.Status
	err     error
	asked   chain.Query
	blocked map[common.Address]bool
	paused  bool
	balance ledger.Micros
	failOn  string
}

func (n *node) Heads(context.Context) (chain.Heads, error) {
	return chain.Heads{Latest: chain.Head{Number: 500}}, n.err
}

func (n *node) AuthorizationStatus(_ context.Context, q chain.Query) (chain.Status, error) {
	n.asked = q
	return n.status, n.err
}

func (n *node) fail(what string) error {
	if n.failOn == what {
		return errors.New("node: " + what)
	}
	return nil
}

func (n *node) Paused(context.Context, common.Address) (bool, error) {
	return n.paused, n.fail("paused")
}

func (n *node) IsBlacklisted(_ context.Context, _, a common.Address) (bool, error) {
	return n.blocked[a], n.fail("blocked " + a.Hex())
}

func (n *node) BalanceOf(context.Context, common.Address, common.Address) (ledger.Micros, error) {
	return n.balance, n.fail("balance")
}

func TestBaseAuthorization(t *testing.T) {
	heads := chain.Heads{Latest: chain.Head{Number: 500, Time: 2000}, Safe: chain.Head{Number: 440, Time: 1880}, Finalized: chain.Head{Number: 1, Time: 1}}
	tests := []struct {
		status chain.Status
		want   Authorization
	}{
		{chain.Status{State: chain.Unused, Heads: heads}, Authorization{Use: Unused, Head: 500, SafeTime: time.Unix(1880, 0)}},
		{chain.Status{State: chain.Paid, Heads: heads, Tx: tx1, Block: 480}, Authorization{Use: Paid, Tx: tx1, Block: 480, Head: 500}},
		{chain.Status{State: chain.Paid, Heads: heads, Tx: tx1, Block: 430, Safe: true}, Authorization{Use: Paid, Tx: tx1, Block: 430, Safe: true, Head: 500}},
		{chain.Status{State: chain.PaidOther, Heads: heads, Tx: tx1, Block: 430, Safe: true}, Authorization{Use: PaidDifferently, Tx: tx1, Block: 430, Safe: true, Head: 500}},
		{chain.Status{State: chain.Canceled, Heads: heads, Tx: tx1, Block: 430, Safe: true}, Authorization{Use: Canceled, Tx: tx1, Block: 430, Safe: true, Head: 500}},
	}
	p := with(ledger.Authorised, time.Hour)
	p.AuthorizedBlock = 77
	for _, tt := range tests {
		n := &node{status: tt.status}
		got, err := Base{Node: n}.Authorization(t.Context(), p, tx1)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.status.State, got, err, tt.want)
		}
		want := chain.Query{Token: token, Treasury: treasury, Nonce: p.Nonce, Worker: worker, Value: 10_000, Hint: tx1, FromBlock: 77}
		if n.asked != want {
			t.Errorf("asked for %+v, want %+v", n.asked, want)
		}
	}
	n := &node{status: chain.Status{State: chain.Unused, Heads: heads}}
	if _, err := (Base{Node: n}).Authorization(t.Context(), openPayout(worker), common.Hash{}); err != nil || n.asked.FromBlock != 500 {
		t.Errorf("of a payout never signed: from block %d, %v; want the newest, 500", n.asked.FromBlock, err)
	}
	for _, n := range []*node{{err: errors.New("down")}, {status: chain.Status{State: "something new"}}} {
		if a, err := (Base{Node: n}).Authorization(t.Context(), p, common.Hash{}); err == nil {
			t.Errorf("%+v answered %+v without an error", n, a)
		}
	}
}

func TestBaseObstacle(t *testing.T) {
	p := openPayout(worker)
	tests := []struct {
		name string
		node node
		want Obstacle
	}{
		{"none", node{balance: 10_000}, NoObstacle},
		{"a micro short", node{balance: 9_999}, TreasuryShort},
		{"paused", node{balance: 10_000, paused: true}, TokenPaused},
		{"recipient", node{paused: true, blocked: map[common.Address]bool{worker: true}}, RecipientBlocked},
		{"treasury", node{balance: 10_000, blocked: map[common.Address]bool{treasury: true}}, TreasuryBlocked},
	}
	for _, tt := range tests {
		if got, err := (Base{Token: &tt.node}).Obstacle(t.Context(), p); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	for _, what := range []string{"paused", "balance", "blocked " + worker.Hex(), "blocked " + treasury.Hex()} {
		if _, err := (Base{Token: &node{balance: 10_000, failOn: what}}).Obstacle(t.Context(), p); err == nil {
			t.Errorf("%s could not be read, and nobody was told", what)
		}
	}
}

// settler is a facilitator that can be down.
type settler struct {
	down           bool
	network        string
	asked, settled int
}

func (s *settler) Supported(context.Context) (x402.SupportedAnswer, error) {
	s.asked++
	if s.down {
		return x402.SupportedAnswer{}, errors.New("no route to host")
	}
	return x402.SupportedAnswer{Kinds: []x402.SupportedKind{{Version: 2, Scheme: "exact", Network: s.network}}}, nil
}

func (s *settler) Settle(context.Context, x402.Payment) x402.Outcome {
	s.settled++
	return x402.Outcome{Kind: x402.Settled, Tx: tx1}
}

func TestFacilitatorIsAskedFirst(t *testing.T) {
	pay := x402.Payment{Domain: usdc.Domain{ChainID: 84532}}
	s := &settler{down: true, network: "eip155:84532"}
	f := NewFacilitator(s)
	if o := f.Settle(t.Context(), pay); o.Kind != x402.Refused || o.Reason != reasonNotAsked || s.settled != 0 {
		t.Errorf("while it is down: %+v, %d settled", o, s.settled)
	}
	s.down = false // the failure is not remembered
	for range 3 {
		if o := f.Settle(t.Context(), pay); o.Kind != x402.Settled {
			t.Errorf("when it is up: %+v", o)
		}
	}
	if s.asked != 2 || s.settled != 3 {
		t.Errorf("asked %d times, settled %d; want 2 and 3", s.asked, s.settled)
	}
	other := &settler{network: "eip155:8453"}
	if o := NewFacilitator(other).Settle(t.Context(), pay); o.Kind != x402.Refused || o.Reason != reasonOtherNetworks || other.settled != 0 {
		t.Errorf("of another network: %+v, %d settled", o, other.settled)
	}
}

// contracts is what is deployed.
type contracts struct {
	domain usdc.Domain
	code   map[common.Address]bool
	err    error
}

func (c contracts) VerifyToken(context.Context, common.Address) (usdc.Domain, error) {
	return c.domain, c.err
}

func (c contracts) HasCode(_ context.Context, a common.Address) (bool, error) { return c.code[a], nil }

// second gives the function a relayer that is as it should be, but for change.
func second(change func(*Relayer)) func(*Deps, *contracts) {
	return func(d *Deps, c *contracts) {
		r := &Relayer{Signer: simKey(3), Multicall: common.Address{0xca}, Policy: DefaultRelayPolicy(), LeaseTTL: time.Minute}
		c.code[r.Multicall] = true
		change(r)
		d.Rails = append(d.Rails, r)
	}
}

func TestCheckStart(t *testing.T) {
	tests := []struct {
		name   string
		change func(d *Deps, c *contracts)
		want   string // "" for none
		unsafe bool
	}{
		{"as it should be", func(*Deps, *contracts) {}, "", false},
		{"treasury with code", func(d *Deps, c *contracts) { c.code[d.Signer.Address()] = true }, "EIP-7702", true},
		{"log sender with code", func(d *Deps, c *contracts) { c.code[d.Receipts.Signer.Address()] = true }, "", false},
		{"wrong name", func(_ *Deps, c *contracts) { c.domain.Name = "USD Coin" }, "USDC_ADDRESS", true},
		{"wrong version", func(_ *Deps, c *contracts) { c.domain.Version = "1" }, "signs under", true},
		{"treasury is the log sender", func(d *Deps, _ *contracts) { d.Receipts.Signer = d.Signer }, "key of its own", true},
		{"no cap per payout", func(d *Deps, _ *contracts) { d.Caps.PerPayout = 0 }, "PAYOUT_MAX_MICROS", true},
		{"no cap per day", func(d *Deps, _ *contracts) { d.Caps.PerDay = 0 }, "PAYOUT_DAILY_MAX_MICROS", true},
		{"no rail", func(d *Deps, _ *contracts) { d.Rails = nil }, "X402_FACILITATOR_URL", true},
		{"with a relayer", second(func(*Relayer) {}), "", false},
		{"treasury is the relayer", func(d *Deps, c *contracts) { second(func(r *Relayer) { r.Signer = d.Signer })(d, c) }, "the treasury and the relayer", true},
		{"log sender is the relayer", func(d *Deps, c *contracts) { second(func(r *Relayer) { r.Signer = d.Receipts.Signer })(d, c) }, "the log sender and the relayer", true},
		{"no Multicall3", second(func(r *Relayer) { r.Multicall = common.Address{9} }), "MULTICALL3_ADDRESS", true},
		{"the relayer's lease is short", second(func(r *Relayer) { r.LeaseTTL = r.Policy.Within }), "does not outlive the relayer", true},
		{"the relayer's policy", second(func(r *Relayer) { r.Policy.BatchMax = 0 }), "room for a transfer", true},
		{"short lease", func(d *Deps, _ *contracts) { d.LeaseTTL = d.AttemptTime }, "does not outlive", true},
		{"policy", func(d *Deps, _ *contracts) { d.Policy.Validity = time.Second }, "MinLeft", true},
		{"log policy", func(d *Deps, _ *contracts) { d.Receipts.Policy.BatchMax = 0 }, "receipt batch", true},
		{"node down", func(_ *Deps, c *contracts) { c.err = errors.New("node down") }, "node down", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.oneRail = true
			d, c := w.deps(&process{world: w}), contracts{domain: w.chain.domain, code: map[common.Address]bool{}}
			tt.change(&d, &c)
			err := d.CheckStart(t.Context(), c)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrUnsafe) != tt.unsafe {
				t.Errorf("CheckStart = %v, want %q (unsafe %t)", err, tt.want, tt.unsafe)
			}
		})
	}
}

// The rails take turns with the attempts, and within one each is asked once.
func TestRails(t *testing.T) {
	p := DefaultPolicy()
	for _, tt := range []struct {
		attempts int64
		rails    int
		want     []int
	}{
		{0, 1, []int{0}}, {9, 1, []int{0}},
		{1, 2, []int{0, 1}}, {2, 2, []int{0, 1}}, {3, 2, []int{1, 0}}, {4, 2, []int{1, 0}}, {5, 2, []int{0, 1}},
		{3, 3, []int{1, 2, 0}},
	} {
		v := View{Payout: with(ledger.Authorised, time.Hour), Rails: tt.rails}
		v.Payout.Attempts = tt.attempts
		var got []int
		for asked := range tt.rails {
			got = append(got, p.rail(v))
			v.Sent = &Sending{Asked: asked + 1, Refused: true}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d rails are asked in the order %v at attempt %d, want %v", tt.rails, got, tt.attempts, tt.want)
		}
		if p.otherRail(v) {
			t.Errorf("after all %d rails there is another", tt.rails)
		}
	}
}
