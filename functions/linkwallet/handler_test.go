package linkwallet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/mr-tron/base58"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// fixture is the function over a store, with a clock that stands still.
type fixture struct {
	*testing.T
	deps Deps
	log  bytes.Buffer
	now  time.Time
}

func start(t *testing.T, store Store) *fixture {
	f := &fixture{T: t, now: noon}
	f.deps = Deps{Store: store, Now: func() time.Time { return f.now }, ChainID: 84532, Log: slog.New(slog.NewJSONHandler(&f.log, nil))}
	return f
}

func (f *fixture) post(body string) (int, string) {
	f.Helper()
	w := httptest.NewRecorder()
	New(f.deps).ServeHTTP(w, httptest.NewRequestWithContext(f.Context(), "POST", "/v1/worker/link", strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// accept posts a link that must be taken.
func (f *fixture) accept(l api.Link) api.LinkResponse {
	f.Helper()
	status, body := f.post(text(f.T, l))
	var out api.LinkResponse
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
		f.Fatalf("%d %s", status, body)
	}
	return out
}

func (f *fixture) refuse(body string, status int, code api.Code, says string) {
	f.Helper()
	got, answer := f.post(body)
	var e api.ErrorBody
	if err := json.Unmarshal([]byte(answer), &e); err != nil || got != status || e.Code != code || !strings.Contains(e.Error, says) {
		f.Errorf("%d %s, want %d %s, %q", got, answer, status, code, says)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func workerKey(n byte) *ecdsa.PrivateKey {
	key, _ := crypto.ToECDSA(append(make([]byte, 31), n))
	return key
}

func solanaKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), n))
}

func solanaOf(n byte) string { return api.SolanaAddress(solanaKey(n).Public().(ed25519.PublicKey)) }

func (f *fixture) signed(worker, solana byte, change func(*api.Link)) api.Link {
	f.Helper()
	l := api.Link{
		WorkerAddress: crypto.PubkeyToAddress(workerKey(worker).PublicKey).Hex(), SolanaAddress: solanaOf(solana),
		ChainID: 84532, Timestamp: f.now.UnixMilli(),
	}
	if change != nil {
		change(&l)
	}
	if err := api.SignLink(&l, workerKey(worker), solanaKey(solana)); err != nil {
		f.Fatal(err)
	}
	return l
}

func relink(l *api.Link) { l.Relink = true }

// Links through the function and a real database, to the answer, the status
// and the log.
func TestLinking(t *testing.T) {
	database := spannertest.New(t)
	db := spannertest.Open(t, database)
	paid := func(wallet string, usd int64) {
		t.Helper()
		_, err := spannertest.Client(t, database).Apply(t.Context(), []*spanner.Mutation{spanner.InsertOrUpdateMap("WalletReputation", map[string]any{
			"Wallet": wallet, "TotalPaidNano": usd * int64(reputation.USD), "Tier": "bronze", "MultiplierBps": 10_000, "RefreshedAt": noon,
		})})
		if err != nil {
			t.Fatal(err)
		}
	}
	f := start(t, db)
	first := f.signed(1, 1, nil)
	worker := common.HexToAddress(first.WorkerAddress)
	paid(strings.ToLower(first.WorkerAddress), 4)
	paid(solanaOf(1), 6)
	got := f.accept(first)
	since := got.Linked[0].Since
	if got.Status != api.Linked || got.Tier != "silver" || got.Multiplier != "1.2" || got.LifetimePaidUSD != "10.000000000" || got.OwnPaidUSD != "4.000000000" ||
		len(got.Linked) != 1 || got.Linked[0] != (api.LinkedSpend{SolanaAddress: solanaOf(1), PaidUSD: "6.000000000", Since: since}) || !since.Equal(noon) ||
		got.NextTier == nil || got.NextTier.MissingUSD != "40.000000000" || got.Address != first.WorkerAddress || got.PreviousAddress != "" {
		t.Errorf("%+v", got)
	}
	if again := f.accept(first); again.Status != api.AlreadyLinked || again.LifetimePaidUSD != got.LifetimePaidUSD {
		t.Errorf("again: %+v", again)
	}
	lower := first
	lower.WorkerAddress = strings.ToLower(lower.WorkerAddress)
	if again := f.accept(lower); again.Status != api.AlreadyLinked || again.Address != first.WorkerAddress {
		t.Errorf("in lower case: %+v", again)
	}

	f.now = f.now.Add(time.Second)
	f.refuse(text(t, f.signed(2, 1, nil)), 409, api.LinkElsewhere, "--relink")
	f.refuse(text(t, f.signed(2, 1, relink)), 409, api.LinkTooSoon, "60 minutes")
	f.now = f.now.Add(reputation.MinLinked)
	taken := f.accept(f.signed(2, 1, relink))
	if taken.Status != api.Relinked || taken.PreviousAddress != first.WorkerAddress || taken.LifetimePaidUSD != "6.000000000" || taken.Tier != "bronze" {
		t.Errorf("relinked: %+v", taken)
	}
	if l, err := db.Lifetime(t.Context(), worker); err != nil || l.Total() != 4*reputation.USD || l.Linked != nil {
		t.Errorf("the worker that lost it: %+v, %v", l, err)
	}
	log := f.log.String()
	for _, says := range []string{`"change":"linked"`, `"change":"already_linked"`, `"change":"relinked"`, `"previous":"` + strings.ToLower(first.WorkerAddress) + `"`, solanaOf(1)} {
		if !strings.Contains(log, says) {
			t.Errorf("the log does not say %s", says)
		}
	}
	// The first link undoes nothing, and neither does an old relink.
	f.refuse(text(t, f.signed(1, 1, nil)), 409, api.LinkElsewhere, "another worker")
	f.refuse(text(t, f.signed(1, 1, func(l *api.Link) { l.Relink = true; l.Timestamp -= 1000 })), 409, api.LinkSuperseded, "newer link")
	for n := range byte(reputation.MaxLinked) {
		f.accept(f.signed(1, 10+n, nil))
	}
	f.refuse(text(t, f.signed(1, 99, nil)), 409, api.LinkTooMany, "16 Solana wallets")
}

// What is no good link never reaches the store.
func TestBadLinks(t *testing.T) {
	f := start(t, fakeStore{t: t})
	good := f.signed(1, 1, nil)
	stranger := f.signed(2, 2, nil)
	message, err := api.LinkMessage(good)
	if err != nil {
		t.Fatal(err)
	}
	byStranger, err := api.PersonalSign(message, workerKey(2))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(*api.Link)) string { l := good; change(&l); return text(t, l) }
	for name, c := range map[string]struct {
		body string
		code api.Code
		says string
	}{
		"nothing":                   {"", api.LinkMalformed, "not JSON"},
		"a list":                    {"[" + text(t, good) + "]", api.LinkMalformed, "JSON object"},
		"no signature":              {`{"workerAddress":"` + good.WorkerAddress + `"}`, api.LinkMalformed, "solanaAddress must be"},
		"the worker's by another":   {changed(func(l *api.Link) { l.Signature = byStranger }), api.LinkSignature, "signature is not made by workerAddress"},
		"the Solana's by another":   {changed(func(l *api.Link) { l.SolanaSignature = base58.Encode(ed25519.Sign(solanaKey(2), message)) }), api.LinkSignature, "solanaSignature is not"},
		"signatures of other links": {changed(func(l *api.Link) { l.Signature, l.SolanaSignature = stranger.Signature, stranger.SolanaSignature }), api.LinkSignature, "signature is not"},
		"signatures swapped":        {changed(func(l *api.Link) { l.Signature, l.SolanaSignature = l.SolanaSignature, l.Signature }), api.LinkSignature, "signature"},
		"addresses swapped":         {changed(func(l *api.Link) { l.WorkerAddress, l.SolanaAddress = l.SolanaAddress, l.WorkerAddress }), api.LinkMalformed, "workerAddress is not"},
		"signed for Base":           {text(t, f.signed(1, 1, func(l *api.Link) { l.ChainID = 8453 })), api.LinkChain, "pays on chain 84532"},
		"signed for Base, sent here": {text(t, func() api.Link {
			l := f.signed(1, 1, func(l *api.Link) { l.ChainID = 8453 })
			l.ChainID = 84532
			return l
		}()), api.LinkSignature, "signature is not"},
		"stale":                   {text(t, f.signed(1, 1, func(l *api.Link) { l.Timestamp -= 300_001 })), api.LinkClock, "older than 5 minutes"},
		"of the future":           {text(t, f.signed(1, 1, func(l *api.Link) { l.Timestamp += 30_001 })), api.LinkClock, "in the future"},
		"made a relink":           {changed(relink), api.LinkSignature, "signature is not"},
		"malformed base58":        {changed(func(l *api.Link) { l.SolanaAddress = "O" + l.SolanaAddress[1:] }), api.LinkMalformed, "solanaAddress is not"},
		"another case of base58":  {changed(func(l *api.Link) { l.SolanaAddress = strings.ToUpper(l.SolanaAddress) }), api.LinkMalformed, "solanaAddress is not"},
		"a wrong EIP-55 checksum": {changed(func(l *api.Link) { l.WorkerAddress = "0x7e5F4552091A69125d5DfCb7b8C2659029395Bdf" }), api.LinkMalformed, "EIP-55"},
		"the system program":      {changed(func(l *api.Link) { l.SolanaAddress = strings.Repeat("1", 32) }), api.LinkMalformed, "solanaAddress is not"},
	} {
		t.Run(name, func(t *testing.T) {
			f.T = t
			f.refuse(c.body, 400, c.code, c.says)
		})
	}
	f.T = t
	f.refuse(`{"x":"`+strings.Repeat("y", api.MaxLinkBytes)+`"}`, 413, "", "the limit is 4096 bytes")
	w := httptest.NewRecorder()
	New(f.deps).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}

// fakeStore fails with its errors; one without them must not be called.
type fakeStore struct {
	t          *testing.T
	link, read error
}

func (s fakeStore) LinkWallet(context.Context, spannerdb.SignedLink, time.Time) (reputation.LinkChange, string, error) {
	if s.link == nil && s.read == nil {
		s.t.Error("the store was asked to link")
	}
	return reputation.NewLink, "", s.link
}

func (s fakeStore) Lifetime(context.Context, common.Address) (reputation.Lifetime, error) {
	return reputation.Lifetime{}, s.read
}

// A store that fails, before or after the link was made, is no refusal: the
// same link is sent again.
func TestStoreFailures(t *testing.T) {
	secret := errors.New("spanner: secret")
	for _, c := range []struct {
		store  fakeStore
		status int
	}{
		{fakeStore{link: secret}, 500}, {fakeStore{read: secret}, 500}, {fakeStore{link: context.DeadlineExceeded}, 503}, {fakeStore{read: context.DeadlineExceeded}, 503},
	} {
		f := start(t, c.store)
		if status, body := f.post(text(t, f.signed(1, 1, nil))); status != c.status || strings.Contains(body, "secret") {
			t.Errorf("%+v: %d %s", c.store, status, body)
		}
	}
}
