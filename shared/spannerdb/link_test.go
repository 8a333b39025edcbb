package spannerdb_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func standing(wallet string, total reputation.NanoUSD) map[string]any {
	tier := reputation.TierFor(total)
	return map[string]any{
		"Wallet": wallet, "TotalPaidNano": int64(total), "Tier": string(tier), "MultiplierBps": tier.MultiplierBps(), "RefreshedAt": start,
	}
}

// paid stores what was paid under one address, as a refresh does.
func (n *network) paid(wallet string, total reputation.NanoUSD) {
	n.Helper()
	n.put(spanner.InsertOrUpdateMap("WalletReputation", standing(wallet, total)))
}

func signedLink(solana string, worker common.Address, at time.Time, relink bool) spannerdb.SignedLink {
	return spannerdb.SignedLink{
		Link:    reputation.Link{Solana: solana, Worker: ledger.CanonicalAddress(worker), At: at.UTC().Truncate(time.Millisecond), Relink: relink},
		Message: "message", Signature: "signature", SolanaSignature: "solana signature",
	}
}

func (n *network) link(solana string, worker common.Address, relink bool) (reputation.LinkChange, string) {
	n.Helper()
	change, previous, err := n.db.LinkWallet(n.Context(), signedLink(solana, worker, n.now, relink), n.now)
	n.must(err)
	return change, previous
}

// linkAttempt takes the worker's own Solana wallet from whoever has it.
func linkAttempt(n *network, w common.Address) attempt {
	solana := "of " + w.Hex()
	n.paid(solana, 50*reputation.USD)
	l := signedLink(solana, w, n.now, true)
	return attempt{
		func(db *spannerdb.DB) error { _, _, err := db.LinkWallet(n.Context(), l, n.now); return err },
		func() {
			same(n, "tier", n.status(w).Lifetime.Tier(), reputation.Gold)
			same(n, "newest", n.number(fmt.Sprintf("SELECT COUNT(*) FROM WalletLinks WHERE Solana = '%s' AND SignedAt = TIMESTAMP '%s'", solana, l.At.Format(time.RFC3339Nano))), 1)
			same(n, "proof", n.number(fmt.Sprintf("SELECT COUNT(*) FROM WalletLinkChanges WHERE Solana = '%s' AND Worker = '%s'", solana, ledger.CanonicalAddress(w))), 1)
		},
	}
}

// link is what LinkWallet does, in the model.
func (m *model) link(l reputation.Link) (reputation.LinkChange, string, error) {
	had, is := m.links[l.Solana]
	switch {
	case is && had.Worker == l.Worker:
		if l.At.After(had.At) {
			had.At = l.At
			m.links[l.Solana] = had
		}
		return reputation.RepeatLink, had.Worker, nil
	case is && !l.Relink:
		return 0, "", reputation.ErrLinkedElsewhere
	case is && !had.At.Before(l.At):
		return 0, "", reputation.ErrSuperseded
	case is && m.now.Before(had.Since.Add(time.Hour)):
		return 0, "", reputation.ErrLinkedLately
	}
	l.Since = m.now
	m.links[l.Solana] = l
	if is {
		return reputation.MovedLink, had.Worker, nil
	}
	return reputation.NewLink, "", nil
}

func (m *model) bps(w common.Address) int64 {
	total := m.spent[text(w)]
	for solana, l := range m.links {
		if l.Worker == text(w) {
			total += m.spent[solana]
		}
	}
	return reputation.TierFor(total).MultiplierBps()
}

func TestSpendUnderEitherCountsOnce(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(9, 100)
	a, b := workerAddr(1), workerAddr(2)
	tasks := 0
	earns := func(what string, w common.Address, reward int) {
		t.Helper()
		n.now = n.now.Add(time.Second)
		n.assign(taskID(tasks), w)
		n.wants(what, n.credit(result(taskID(tasks), w, n.now)), fmt.Sprintf("accepted %d", reward))
		tasks++
	}
	shows := func(w common.Address, total, own reputation.NanoUSD, linked ...string) {
		t.Helper()
		l := n.status(w).Lifetime
		again, err := n.db.Lifetime(t.Context(), w)
		n.must(err)
		var names []string
		for _, x := range l.Linked {
			names = append(names, x.Wallet)
		}
		if l.Total() != total*reputation.USD || l.Own != own*reputation.USD || !slices.Equal(names, linked) || fmt.Sprint(l) != fmt.Sprint(again) {
			t.Errorf("%+v, and %+v; want %d, of it %d own, and %v", l, again, total, own, linked)
		}
	}
	earns("a beginner", a, 100)
	n.link("S1", a, false) // before anything is known of it
	shows(a, 0, 0, "S1")
	earns("linked, and nothing paid", a, 100)
	n.paid("S1", 49*reputation.USD)
	shows(a, 49, 0, "S1")
	earns("paid under the Solana wallet", a, 120)
	n.paid(text(a), 1*reputation.USD)
	shows(a, 50, 1, "S1")
	earns("paid under both", a, 150)

	n.paid("s1", 1000*reputation.USD) // another wallet: case matters
	shows(a, 50, 1, "S1")
	n.now = n.now.Add(reputation.MinLinked)
	if change, previous := n.link("S1", b, true); change != reputation.MovedLink || previous != text(a) {
		t.Errorf("relink: %v from %q", change, previous)
	}
	shows(a, 1, 1)
	shows(b, 49, 0, "S1")
	earns("the wallet went", a, 100)
	earns("the wallet came", b, 120)
	n.paid("S2", 151*reputation.USD)
	n.now = n.now.Add(time.Second)
	n.link("S2", b, false)
	shows(b, 200, 0, "S1", "S2")
	earns("two wallets", b, 200)
	n.balanced()

	for solana, want := range map[string]string{"S1": text(b), "S2": text(b), "s1": "", "S3": ""} {
		w, ok, err := n.db.LinkedWorker(t.Context(), solana)
		if err != nil || ok != (want != "") || ok && text(w) != want {
			t.Errorf("%s is linked to %s, %v, %v", solana, w, ok, err)
		}
	}
	// What was credited keeps its multiplier.
	same(n, "distinct multipliers of a", n.number("SELECT COUNT(DISTINCT MultiplierBps) FROM WorkerResults WHERE Worker = '"+text(a)+"'"), 3)
}

// A wallet that is rich does not lend its tier to one worker after another, each
// for as long as it takes to submit what it has gathered.
func TestOneWalletServesOneWorkerAtATime(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	n.paid("S", 200*reputation.USD)
	for i, want := range []string{"accepted 200", "accepted 100", "accepted 100"} {
		n.assign(taskID(i), workerAddr(i))
		n.now = n.now.Add(time.Minute)
		_, _, err := n.db.LinkWallet(t.Context(), signedLink("S", workerAddr(i), n.now, true), n.now)
		if i > 0 {
			n.fails("at once", err, reputation.ErrLinkedLately)
		}
		n.wants("in turn", n.credit(result(taskID(i), workerAddr(i), n.now)), want)
	}
	n.balanced()
}

func TestLinkWalletRefuses(t *testing.T) {
	n := newNetwork(t)
	a, b := workerAddr(1), workerAddr(2)
	n.link("S", a, false)
	before := n.dump()
	now := n.now.Add(time.Hour)
	try := func(l spannerdb.SignedLink) error { _, _, err := n.db.LinkWallet(t.Context(), l, now); return err }
	n.fails("elsewhere", try(signedLink("S", b, n.now.Add(time.Minute), false)), reputation.ErrLinkedElsewhere)
	n.fails("the same moment", try(signedLink("S", b, n.now, true)), reputation.ErrSuperseded)
	n.fails("an old one", try(signedLink("S", b, n.now.Add(-time.Minute), true)), reputation.ErrSuperseded)
	n.must(try(signedLink("S", a, n.now.Add(-time.Minute), true)))
	if after := n.dump(); !slices.Equal(before, after) {
		t.Errorf("refused, and changed:\n%v", differences(before, after))
	}
	// There and back; then the first two are sent again.
	there, back := signedLink("S", b, n.now.Add(time.Second), true), signedLink("S", a, n.now.Add(2*time.Second), true)
	n.must(try(there))
	now = now.Add(time.Hour - time.Millisecond)
	n.fails("back too soon", try(back), reputation.ErrLinkedLately)
	now = now.Add(time.Hour)
	n.must(try(back))
	now = now.Add(time.Hour)
	n.fails("replay of the first relink", try(there), reputation.ErrSuperseded)
	// Confirmed by a later signature: what was signed in between is no use any more.
	n.must(try(signedLink("S", a, n.now.Add(4*time.Second), false)))
	n.fails("signed before it was confirmed", try(signedLink("S", b, n.now.Add(3*time.Second), true)), reputation.ErrSuperseded)
	same(n, "changes", n.number("SELECT COUNT(*) FROM WalletLinkChanges"), 3)

	for i := range reputation.MaxLinked {
		n.must(try(signedLink(fmt.Sprint("T", i), b, n.now, false)))
	}
	n.fails("one too many", try(signedLink("S", b, n.now.Add(time.Minute), true)), reputation.ErrManyLinked)
	n.must(try(signedLink("T0", b, n.now, false)))
}

// Many instances link and move few wallets at once: each ends with the worker
// of its newest link, and every change follows from the one before.
func TestConcurrentLinks(t *testing.T) {
	n := newNetwork(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var clients [3]*spannerdb.DB
	for i := range clients {
		clients[i] = spannertest.Open(t, n.database)
	}
	wallets := []string{"S", "T"}
	var mu sync.Mutex
	newest := map[string]spannerdb.SignedLink{}
	var wg sync.WaitGroup
	for i := range 6 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for j := range 5 {
				l := signedLink(wallets[rng.IntN(2)], workerAddr(rng.IntN(3)), n.now.Add(time.Duration(7*j+i)*time.Hour), true)
				_, _, err := clients[i%3].LinkWallet(t.Context(), l, l.At)
				if err != nil && !errors.Is(err, reputation.ErrSuperseded) {
					t.Error(err)
				}
				mu.Lock()
				if err == nil && l.At.After(newest[l.Solana].At) {
					newest[l.Solana] = l
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, s := range wallets {
		w, ok, err := n.db.LinkedWorker(t.Context(), s)
		if want := newest[s].Worker; err != nil || ok != (want != "") || ok && text(w) != want {
			t.Errorf("%s is linked to %s, want %s: %v", s, w, want, err)
		}
		last := ""
		stmt := spanner.Statement{SQL: "SELECT Worker, IFNULL(PreviousWorker, '') FROM WalletLinkChanges WHERE Solana = @s ORDER BY SignedAt", Params: map[string]any{"s": s}}
		n.must(n.raw.Single().Query(t.Context(), stmt).Do(func(row *spanner.Row) error {
			var worker, previous string
			err := row.Columns(&worker, &previous)
			if previous != last || worker == previous {
				t.Errorf("%s went from %q to %q, but it was %q's", s, previous, worker, last)
			}
			last = worker
			return err
		}))
	}
}
