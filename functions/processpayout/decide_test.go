package processpayout

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var (
	t0       = time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)
	worker   = common.HexToAddress("0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	token    = common.HexToAddress("0x7070707070707070707070707070707070707070")
	treasury = common.HexToAddress("0x7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e")
	tx1      = common.HexToHash("0x01")
	goodHash = strings.Repeat("ab", 32)
)

// openPayout is a payout as a submission leaves it.
func openPayout(to common.Address) ledger.Payout {
	p := ledger.NewPayout(to, ledger.Opened{Seq: 3, Amount: 10_000, ResultCount: 100},
		ledger.PayoutPolicy{ChainID: 84532, Token: token, Treasury: treasury}, t0.Add(-time.Minute))
	p.Attempts = 1
	return p
}

// with is a payout of that state, with an authorization stored that is valid
// until left from t0.
func with(state ledger.PayoutState, left time.Duration) ledger.Payout {
	p := openPayout(worker)
	p.State, p.ResultsHash, p.Signature = state, goodHash, make([]byte, 65)
	p.ValidBefore = t0.Add(left).Unix()
	if state == ledger.Settled || state == ledger.Confirmed {
		p.UsdcTx = tx1
	}
	return p
}

// unusedAt is a nonce that is unused at a safe block of that age.
func unusedAt(age time.Duration) *Authorization {
	return &Authorization{Use: Unused, Head: 900, SafeTime: t0.Add(-age)}
}

func used(use Use, safe bool) *Authorization {
	return &Authorization{Use: use, Tx: tx1, Block: 800, Safe: safe}
}

func obstacle(o Obstacle) *Obstacle { return &o }

var (
	rightResults = &Results{Count: 100, Sum: 10_000, Hash: goodHash}
	refused      = &Sending{Asked: 1, Refused: true, Reason: "insufficient_funds"}
	unreachable  = &Sending{Asked: 1, Refused: true, Unreached: true, Reason: "facilitator_unreachable"}
	unclear      = &Sending{Asked: 1, Reason: "timeout"}
	claimed      = &Sending{Asked: 1, Tx: tx1}
)

// record is a wait, whose time and reason are checked apart.
func record(s ledger.PayoutState) Record { return Record{State: s} }

func TestDecide(t *testing.T) {
	fresh, lagging := unusedAt(2*time.Minute), unusedAt(2*time.Hour)
	none := obstacle(NoObstacle)
	const hour, past = time.Hour, -10 * time.Minute // past: the safe block is later
	other := func(v View, f Foreign) View { v.Foreign = f; return v }
	two := func(v View, attempts int64) View { v.Rails, v.Payout.Attempts = 2, attempts; return v }
	early := func(v View) View {
		v.Early, v.Payout.Reason, v.Payout.WorkAt = true, "later", t0.Add(time.Minute)
		return v
	}
	again := func(s Sending) *Sending { s.Asked++; return &s }
	tests := []struct {
		name   string
		view   View
		want   Step
		reason string // part of the reason of a Record or Fail
	}{
		{"confirmed", View{Payout: with(ledger.Confirmed, hour)}, Done{}, ""},
		{"failed", View{Payout: with(ledger.Failed, hour), Chain: used(Paid, true)}, Done{}, ""},

		{"blind, nothing signed", View{Payout: openPayout(worker)}, record(ledger.Pending), "cannot be read"},
		{"blind, nothing sent", View{Payout: with(ledger.Authorised, hour)}, record(ledger.Authorised), "cannot be read"},
		{"blind after an unclear answer", View{Payout: with(ledger.Authorised, hour), Sent: unclear}, record(ledger.Unknown), "cannot be read"},
		{"blind after a refusal", View{Payout: with(ledger.Authorised, hour), Sent: refused}, record(ledger.Authorised), "cannot be read"},
		{"blind, settled", View{Payout: with(ledger.Settled, hour)}, Record{State: ledger.Settled, Tx: tx1}, "cannot be read"},

		{"of another chain", other(View{Payout: with(ledger.Settled, hour), Chain: fresh}, ForeignChain), Record{State: ledger.Settled, Tx: tx1}, "another treasury or network"},
		{"of another treasury, new", other(View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: none}, ForeignTreasury), record(ledger.Pending), "another treasury or network"},
		{"of another treasury, requeued", other(View{Payout: with(ledger.Pending, hour), Chain: fresh}, ForeignTreasury), record(ledger.Pending), "another treasury or network"},
		{"of another treasury, signed", other(View{Payout: with(ledger.Unknown, hour), Chain: fresh}, ForeignTreasury), Send{}, ""},
		{"of another treasury, paid", other(View{Payout: with(ledger.Unknown, hour), Chain: used(Paid, true)}, ForeignTreasury), Confirm{tx1, 800}, ""},

		{"paid and safe", View{Payout: with(ledger.Unknown, hour), Chain: used(Paid, true)}, Confirm{tx1, 800}, ""},
		{"paid and safe, though refused", View{Payout: with(ledger.Authorised, hour), Chain: used(Paid, true), Sent: refused}, Confirm{tx1, 800}, ""},
		{"paid before a restored database knew", View{Payout: openPayout(worker), Chain: used(Paid, true)}, Count{}, ""},
		{"paid before, counted", View{Payout: openPayout(worker), Chain: used(Paid, false), Results: rightResults}, Authorise{}, ""},
		{"paid before, results missing", View{Payout: openPayout(worker), Chain: used(Paid, true), Results: &Results{99, 9_900, goodHash}}, record(ledger.Pending), "do not add up"},
		{"paid before, above the cap", View{Payout: openPayout(worker), Chain: used(Paid, true), Results: rightResults, Capped: ledger.ErrPayoutCap}, record(ledger.Pending), "single payout"},
		{"paid, not safe", View{Payout: with(ledger.Authorised, hour), Chain: used(Paid, false)}, Record{State: ledger.Settled, Tx: tx1}, "safe"},
		{"still not safe", View{Payout: with(ledger.Settled, hour), Chain: used(Paid, false)}, Record{State: ledger.Settled, Tx: tx1}, "safe"},

		{"used for another transfer", View{Payout: with(ledger.Unknown, hour), Chain: used(PaidDifferently, true)}, Fail{}, tx1.Hex()},
		{"used for another, nothing signed here", View{Payout: openPayout(worker), Chain: used(PaidDifferently, true)}, Fail{}, "another transfer"},
		{"used for another, not safe", View{Payout: openPayout(worker), Chain: used(PaidDifferently, false)}, record(ledger.Pending), tx1.Hex()},
		{"used for another after a reorg", View{Payout: with(ledger.Settled, hour), Chain: used(PaidDifferently, true)}, record(ledger.Unknown), tx1.Hex()},
		{"canceled", View{Payout: with(ledger.Authorised, hour), Chain: used(Canceled, true)}, Fail{}, "canceled by transaction " + tx1.Hex()},
		{"canceled, not safe", View{Payout: with(ledger.Unknown, hour), Chain: used(Canceled, false)}, record(ledger.Unknown), "canceled"},

		{"gone in a reorg", View{Payout: with(ledger.Settled, hour), Chain: fresh}, record(ledger.Unknown), "no longer on chain"},

		{"new", View{Payout: openPayout(worker), Chain: fresh}, Count{}, ""},
		{"counted", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults}, Inspect{}, ""},
		{"nothing in the way", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: none}, Authorise{}, ""},
		{"a result too few", View{Payout: openPayout(worker), Chain: fresh, Results: &Results{99, 10_000, goodHash}}, Fail{}, "do not add up"},
		{"a micro too much", View{Payout: openPayout(worker), Chain: fresh, Results: &Results{100, 10_001, goodHash}}, Fail{}, "do not add up"},
		{"to nobody", View{Payout: openPayout(common.Address{}), Chain: fresh}, Fail{}, "zero address"},
		{"to the token", View{Payout: openPayout(token), Chain: fresh}, Fail{}, "USDC contract"},
		{"to the treasury", View{Payout: openPayout(treasury), Chain: fresh}, Fail{}, "treasury"},
		{"blocked, nothing signed", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: obstacle(RecipientBlocked)}, Fail{}, "blocked"},
		{"paused", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: obstacle(TokenPaused)}, record(ledger.Pending), "paused"},
		{"treasury empty", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: obstacle(TreasuryShort)}, record(ledger.Pending), "refilled"},
		{"treasury blocked", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: obstacle(TreasuryBlocked)}, record(ledger.Pending), "from the treasury"},
		{"day's cap", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: none, Capped: ledger.ErrDailyCap}, record(ledger.Pending), "today's limit"},
		{"payout's cap", View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: none, Capped: ledger.ErrPayoutCap}, record(ledger.Pending), "single payout"},

		{"stored, perhaps sent", View{Payout: with(ledger.Authorised, hour), Chain: fresh}, Send{}, ""},
		{"unknown, sent again", View{Payout: with(ledger.Unknown, hour), Chain: fresh}, Send{}, ""},
		{"sent, unclear", View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: unclear}, record(ledger.Unknown), "waiting for Base"},
		{"sent, claimed, not on chain", View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: claimed}, record(ledger.Unknown), "waiting for Base"},
		{"refused", View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused}, Inspect{}, ""},
		{"refused, nobody knows why", View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused, Obstacle: none}, record(ledger.Authorised), "insufficient_funds"},
		{"refused after it may have been sent", View{Payout: with(ledger.Unknown, hour), Chain: fresh, Sent: refused, Obstacle: none}, record(ledger.Unknown), "insufficient_funds"},
		{"refused, blocked: not dead, so it waits", View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused, Obstacle: obstacle(RecipientBlocked)}, record(ledger.Authorised), "blocked"},
		{"refused, paused", View{Payout: with(ledger.Unknown, hour), Chain: fresh, Sent: refused, Obstacle: obstacle(TokenPaused)}, record(ledger.Unknown), "paused"},

		{"a duplicate hint before its time", early(View{Payout: with(ledger.Unknown, hour), Chain: fresh}), record(ledger.Unknown), "later"},
		{"before its time, and paid", early(View{Payout: with(ledger.Unknown, hour), Chain: used(Paid, true)}), Confirm{tx1, 800}, ""},
		{"before its time, and dead", early(View{Payout: with(ledger.Unknown, past), Chain: fresh, Obstacle: none}), Authorise{ReplaceExpired: true}, ""},

		{"two rails", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh}, 1), Send{Rail: 0}, ""},
		{"two rails, the first unclear twice", two(View{Payout: with(ledger.Unknown, hour), Chain: fresh}, 3), Send{Rail: 1}, ""},
		{"two rails, both unclear twice", two(View{Payout: with(ledger.Unknown, hour), Chain: fresh}, 5), Send{Rail: 0}, ""},
		{"two rails, unclear: the other may pay twice the gas", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: unclear}, 1), record(ledger.Unknown), "waiting for Base"},
		{"two rails, refused: is there an obstacle?", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused}, 1), Inspect{}, ""},
		{"two rails, refused for nothing", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused, Obstacle: none}, 1), Send{Rail: 1}, ""},
		{"two rails, refused by the second, which was first", two(View{Payout: with(ledger.Unknown, hour), Chain: fresh, Sent: refused, Obstacle: none}, 3), Send{Rail: 0}, ""},
		{"two rails, refused by both", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: again(*refused), Obstacle: none}, 1), record(ledger.Authorised), "insufficient_funds"},
		{"two rails, refused with reason", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: refused, Obstacle: obstacle(TreasuryShort)}, 1), record(ledger.Authorised), "refilled"},
		{"two rails, refused, then unclear", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: again(*unclear), Obstacle: none}, 1), record(ledger.Unknown), "waiting for Base"},
		{"two rails, the first not reached once", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: unreachable, Obstacle: none}, 1), record(ledger.Authorised), "unreachable"},
		{"two rails, the first not reached twice", two(View{Payout: with(ledger.Authorised, hour), Chain: fresh, Sent: unreachable, Obstacle: none}, 2), Send{Rail: 1}, ""},
		{"two rails, refused by the first, runs out before the second", two(View{Payout: with(ledger.Authorised, 30*time.Second), Chain: fresh, Sent: refused, Obstacle: none}, 1), record(ledger.Authorised), "runs out"},

		{"too late to send", View{Payout: with(ledger.Authorised, 30*time.Second), Chain: fresh}, record(ledger.Authorised), "runs out"},
		{"expired, the safe block is before that", View{Payout: with(ledger.Unknown, -time.Minute), Chain: fresh}, record(ledger.Unknown), "runs out"},
		{"expired long ago, the chain stands still", View{Payout: with(ledger.Unknown, -time.Hour), Chain: lagging}, record(ledger.Unknown), "runs out"},
		{"expired, no safe block is known", View{Payout: with(ledger.Unknown, past), Chain: &Authorization{Use: Unused, Head: 900}}, record(ledger.Unknown), "runs out"},
		{"dead", View{Payout: with(ledger.Unknown, past), Chain: fresh}, Inspect{}, ""},
		{"dead at the very second", View{Payout: with(ledger.Unknown, -2*time.Minute), Chain: fresh, Obstacle: none}, Authorise{ReplaceExpired: true}, ""},
		{"a second before it is dead", View{Payout: with(ledger.Unknown, -2*time.Minute+time.Second), Chain: fresh, Obstacle: none}, record(ledger.Unknown), "runs out"},
		{"dead, signed anew", View{Payout: with(ledger.Authorised, past), Chain: fresh, Obstacle: none}, Authorise{ReplaceExpired: true}, ""},
		{"dead and blocked", View{Payout: with(ledger.Unknown, past), Chain: fresh, Obstacle: obstacle(RecipientBlocked)}, Fail{}, "blocked"},
		{"dead and paused", View{Payout: with(ledger.Unknown, past), Chain: fresh, Obstacle: obstacle(TokenPaused)}, record(ledger.Unknown), "paused"},
		{"dead, above the cap", View{Payout: with(ledger.Unknown, past), Chain: fresh, Obstacle: none, Capped: ledger.ErrPayoutCap}, record(ledger.Unknown), "single payout"},

		{"requeued, stored one still good", View{Payout: with(ledger.Pending, hour), Chain: fresh}, Authorise{}, ""},
		{"requeued, above the cap", View{Payout: with(ledger.Pending, hour), Chain: fresh, Capped: ledger.ErrPayoutCap}, record(ledger.Pending), "single payout"},
		{"requeued, expired, not dead", View{Payout: with(ledger.Pending, -time.Minute), Chain: fresh}, record(ledger.Pending), "runs out"},
		{"requeued, dead", View{Payout: with(ledger.Pending, past), Chain: fresh, Obstacle: none}, Authorise{ReplaceExpired: true}, ""},
	}
	policy := DefaultPolicy()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.view.Now = t0
			if tt.view.Paused == nil {
				tt.view.Paused = new(false)
			}
			got := policy.Decide(tt.view)
			reason := ""
			switch s := got.(type) {
			case Record:
				if !s.WorkAt.After(t0) || s.WorkAt.After(t0.Add(25*time.Hour)) {
					t.Errorf("looks again at %v; now is %v", s.WorkAt, t0)
				}
				reason, s.Reason, s.WorkAt = s.Reason, "", time.Time{}
				got = s
			case Fail:
				reason, s.Reason = s.Reason, ""
				got = s
			}
			if got != tt.want {
				t.Errorf("Decide = %#v (%s), want %#v", got, reason, tt.want)
			}
			if !strings.Contains(reason, tt.reason) || (reason != "") != (tt.reason != "") {
				t.Errorf("reason %q does not say %q", reason, tt.reason)
			}
		})
	}
}

// Whatever is known, no step breaks a rule of payments.md or of the ledger's
// state machine.
func TestDecideKeepsTheRules(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	policy := DefaultPolicy()
	for range 60_000 {
		v := randomView(rng)
		before := v.Payout.State
		switch s := policy.Decide(v).(type) {
		case Confirm:
			if v.Chain == nil || v.Chain.Use != Paid || !v.Chain.Safe || before.Final() || v.Payout.ResultsHash == "" {
				t.Fatalf("seed %d: confirmed without a safe transfer: %+v", seed, v)
			}
		case Fail:
			dead := v.Chain != nil && (v.Chain.Use == Unused && expiredUnused(v.Payout, *v.Chain) ||
				v.Chain.Safe && (v.Chain.Use == Canceled || v.Chain.Use == PaidDifferently))
			neverSigned := v.Chain != nil && v.Chain.Use == Unused && len(v.Payout.Signature) == 0
			if !dead && !neverSigned || !before.CanMove(ledger.Failed) {
				t.Fatalf("seed %d: failed while it could still be paid: %+v", seed, v)
			}
		case Authorise:
			if v.Paused == nil || *v.Paused {
				t.Fatalf("seed %d: signed without asking, or while paused: %+v", seed, v)
			}
			replaces := v.Payout.ValidBefore != 0 && !time.Unix(v.Payout.ValidBefore, 0).After(v.Now)
			adopts := v.Chain != nil && v.Chain.Use == Paid && v.Payout.ResultsHash == "" && !s.ReplaceExpired
			if adopts {
				break
			}
			if v.Chain == nil || v.Chain.Use != Unused || s.ReplaceExpired && !expiredUnused(v.Payout, *v.Chain) || replaces && !s.ReplaceExpired {
				t.Fatalf("seed %d: %#v against rule 5: %+v", seed, s, v)
			}
		case Ask:
			if v.Paused != nil {
				t.Fatalf("seed %d: asks for what it knows: %+v", seed, v)
			}
		case Send:
			if v.Paused == nil || *v.Paused {
				t.Fatalf("seed %d: sent without asking, or while paused: %+v", seed, v)
			}
			if v.Chain == nil || v.Chain.Use != Unused || len(v.Payout.Signature) == 0 || before == ledger.Pending {
				t.Fatalf("seed %d: sent blindly or unsigned: %+v", seed, v)
			}
			if v.Sent == nil && v.Early {
				t.Fatalf("seed %d: sent before its time: %+v", seed, v)
			}
			if v.Sent != nil && (!v.Sent.Refused || v.Sent.Asked >= v.Rails || v.Obstacle == nil || *v.Obstacle != NoObstacle) || s.Rail < 0 || s.Rail >= v.Rails {
				t.Fatalf("seed %d: sent again without a refusal, against an obstacle or by no rail: %#v, %+v", seed, s, v)
			}
		case Record:
			p := v.Payout
			if err := p.Record(s.State, s.Reason, s.Tx, s.WorkAt); err != nil {
				t.Fatalf("seed %d: the ledger refuses %#v for %+v: %v", seed, s, v, err)
			}
			if before == ledger.Authorised && s.State == ledger.Authorised && v.Sent != nil && !v.Sent.Refused {
				t.Fatalf("seed %d: sent, and not recorded so: %+v", seed, v)
			}
			if !s.WorkAt.After(v.Now) || s.Reason == "" {
				t.Fatalf("seed %d: waits for nothing: %#v", seed, s)
			}
		case Done:
			if !before.Final() {
				t.Fatalf("seed %d: done in state %s", seed, before)
			}
		}
	}
}

func randomView(rng *rand.Rand) View {
	states := []ledger.PayoutState{ledger.Pending, ledger.Authorised, ledger.Unknown, ledger.Settled, ledger.Confirmed, ledger.Failed}
	pay := with(states[rng.IntN(len(states))], time.Duration(rng.IntN(240)-120)*time.Minute)
	pay.Attempts = rng.Int64N(100)
	if pay.State == ledger.Pending && rng.IntN(2) == 0 {
		pay = openPayout([]common.Address{worker, worker, {}, token, treasury}[rng.IntN(5)])
	}
	v := View{Payout: pay, Now: t0, Foreign: Foreign(max(0, rng.IntN(8)-5)), Rails: 1 + rng.IntN(3)}
	if rng.IntN(4) == 0 {
		v.Early, v.Payout.Reason, v.Payout.WorkAt = true, "later", t0.Add(time.Minute)
	}
	if rng.IntN(8) > 0 {
		v.Chain = &Authorization{Use: Use(rng.IntN(4)), Safe: rng.IntN(2) == 0, Tx: tx1, Block: 5}
		if v.Chain.Use == Unused {
			v.Chain = unusedAt(time.Duration(rng.IntN(120)) * time.Minute)
		}
	}
	if rng.IntN(2) == 0 {
		v.Results = &Results{100, ledger.Micros(10_000 + rng.IntN(2)), goodHash}
	}
	if rng.IntN(2) == 0 {
		v.Obstacle = obstacle(Obstacle(rng.IntN(5)))
	}
	if pay.State != ledger.Pending {
		v.Sent = []*Sending{nil, refused, unreachable, unclear, claimed}[rng.IntN(5)]
		if v.Sent != nil {
			sent := *v.Sent
			sent.Asked = 1 + rng.IntN(v.Rails)
			v.Sent = &sent
		}
	}
	v.Paused = []*bool{nil, new(false), new(false), new(true)}[rng.IntN(4)]
	v.Capped = []error{nil, nil, ledger.ErrDailyCap, ledger.ErrPayoutCap}[rng.IntN(4)]
	return v
}

func TestBackoff(t *testing.T) {
	p := DefaultPolicy()
	pay := openPayout(worker)
	previous := time.Duration(0)
	for attempt := int64(1); attempt <= 100; attempt++ {
		pay.Attempts = attempt
		wait := p.backoff(pay)
		if wait < p.RetryMin*4/5 || wait > p.RetryMax*6/5 {
			t.Fatalf("attempt %d waits %v", attempt, wait)
		}
		if attempt <= 5 && wait <= previous { // doubling outgrows the jitter
			t.Errorf("attempt %d waits %v, after %v before", attempt, wait, previous)
		}
		previous = wait
	}
	other := pay
	other.Nonce = common.HexToHash("0x02")
	if p.backoff(pay) == p.backoff(other) {
		t.Error("two payouts wait exactly as long")
	}
	late := time.Date(2026, 8, 3, 23, 59, 0, 0, time.UTC)
	if at := p.nextDay(pay, late); at.Sub(late) > 3*time.Minute || at.Sub(late) < time.Minute {
		t.Errorf("a minute before midnight the next day begins in %v", at.Sub(late))
	}
	if at := p.nextDay(pay, t0); at.Sub(t0) > p.PersonWait*6/5 {
		t.Errorf("at noon it looks again in %v; the cap may be raised before", at.Sub(t0))
	}
}

func TestPlainCode(t *testing.T) {
	for in, want := range map[string]string{
		"insufficient_funds":              "insufficient_funds",
		"Invalid payload: see /docs?x=<y": "Invalid_payload_see_docsxy",
		"":                                "no reason given",
		"\x00\n\t":                        "no reason given",
		"0x" + strings.Repeat("ab", 65):   "no reason given", // long enough to be a signature
	} {
		if got := plainCode(in); got != want {
			t.Errorf("plainCode(%q) = %q, want %q", in, got, want)
		}
	}
}
