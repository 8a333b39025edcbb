package facilitator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Every field of a request is checked, by /verify and by /settle, and nothing
// is broadcast for one that is wrong.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	head, err := w.chain.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := int64(head.Time)
	base := usdc.CAIP2(usdc.Base)
	both := func(f func(*x402.Requirements)) func(*x402.Request) {
		return func(r *x402.Request) { f(&r.Requirements); f(&r.Payload.Accepted) }
	}
	signed := func(f func(*x402.Authorization)) func(*x402.Request) {
		return func(r *x402.Request) {
			a := w.authorization(1)
			f(&a)
			*r = w.sign(a).Request()
		}
	}
	for name, tt := range map[string]struct {
		change func(*x402.Request)
		reason string
	}{
		"version":              {func(r *x402.Request) { r.Version = 1 }, "invalid_x402_version"},
		"version of payload":   {func(r *x402.Request) { r.Payload.Version = 1 }, "invalid_x402_version"},
		"scheme":               {both(func(q *x402.Requirements) { q.Scheme = "upto" }), "invalid_scheme"},
		"network":              {both(func(q *x402.Requirements) { q.Network = base }), "invalid_network"},
		"network in v1 words":  {both(func(q *x402.Requirements) { q.Network = "base-sepolia" }), "invalid_network"},
		"no extra":             {both(func(q *x402.Requirements) { q.Extra = nil }), "invalid_exact_evm_missing_eip712_domain"},
		"name":                 {both(func(q *x402.Requirements) { q.Extra = &x402.Extra{Name: "USD Coin", Version: "2"} }), "invalid_exact_evm_token_name_mismatch"},
		"asset":                {both(func(q *x402.Requirements) { q.Asset = common.Address{9}.Hex() }), "invalid_payment_requirements"},
		"asset no address":     {both(func(q *x402.Requirements) { q.Asset = "USDC" }), "invalid_payment_requirements"},
		"amount":               {both(func(q *x402.Requirements) { q.Amount = "10002" }), "invalid_exact_evm_payload_authorization_value_mismatch"},
		"amount spelled":       {both(func(q *x402.Requirements) { q.Amount = "010001" }), "invalid_exact_evm_payload_authorization_value_mismatch"},
		"payTo":                {both(func(q *x402.Requirements) { q.PayTo = common.Address{9}.Hex() }), "invalid_exact_evm_payload_recipient_mismatch"},
		"accepted amount":      {func(r *x402.Request) { r.Payload.Accepted.Amount = "1" }, "invalid_payment_requirements"},
		"accepted payTo":       {func(r *x402.Request) { r.Payload.Accepted.PayTo = common.Address{9}.Hex() }, "invalid_payment_requirements"},
		"accepted extra":       {func(r *x402.Request) { r.Payload.Accepted.Extra = nil }, "invalid_payment_requirements"},
		"accepted extra other": {func(r *x402.Request) { r.Payload.Accepted.Extra = &x402.Extra{Name: "USDC", Version: "1"} }, "invalid_payment_requirements"},
		"signature of another": {func(r *x402.Request) { r.Payload.Payload.Signature = w.payment(2).Request().Payload.Payload.Signature }, "invalid_exact_evm_payload_signature"},
		"signature broken":     {func(r *x402.Request) { r.Payload.Payload.Signature = "0x1234" }, "invalid_payload"},
		"value altered": {func(r *x402.Request) {
			r.Payload.Payload.Authorization.Value = "10002"
			r.Requirements.Amount = "10002"
			r.Payload.Accepted.Amount = "10002"
		}, "invalid_exact_evm_payload_signature"},
		"nonce altered":      {func(r *x402.Request) { r.Payload.Payload.Authorization.Nonce = crypto.Keccak256Hash(nil).Hex() }, "invalid_exact_evm_payload_signature"},
		"payer altered":      {func(r *x402.Request) { r.Payload.Payload.Authorization.From = w.fac.Relayer().Hex() }, "invalid_exact_evm_payload_signature"},
		"expired":            {signed(func(a *x402.Authorization) { a.ValidBefore = now }), "invalid_exact_evm_payload_authorization_valid_before"},
		"about to expire":    {signed(func(a *x402.Authorization) { a.ValidBefore = now + clockMargin }), "invalid_exact_evm_payload_authorization_valid_before"},
		"not valid yet":      {signed(func(a *x402.Authorization) { a.ValidAfter = now }), "invalid_exact_evm_payload_authorization_valid_after"},
		"more than there is": {signed(func(a *x402.Authorization) { a.Value = 1_000_000_001 }), "insufficient_funds"},
	} {
		r := w.payment(1).Request()
		tt.change(&r)
		body, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := w.post("/verify", body); status != http.StatusOK || answer.ErrorReason != tt.reason {
			t.Errorf("%s: verify %d %+v, want %s", name, status, answer, tt.reason)
		}
		if status, answer := w.post("/settle", body); status != http.StatusOK || answer.Success || answer.ErrorReason != tt.reason || answer.Transaction != "" {
			t.Errorf("%s: settle %d %+v, want %s", name, status, answer, tt.reason)
		}
	}
	if n := w.relayerNonce(); n != 0 {
		t.Errorf("%d transactions were broadcast", n)
	}
	if o := w.client.Settle(t.Context(), w.payment(1)); o.Kind != x402.Settled {
		t.Errorf("unchanged: %+v", o)
	}
}

func TestUnreadableBodies(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{``, `null x`, `[]`, `{"x402Version":"two"}`, `{"x402Version":2,"pad":"` + strings.Repeat("x", maxBody) + `"}`} {
		for _, path := range []string{"/verify", "/settle"} {
			if status, answer := w.post(path, []byte(body)); status != http.StatusBadRequest || answer.ErrorReason != "invalid_payload" {
				t.Errorf("%s %.40s: %d %+v", path, body, status, answer)
			}
		}
	}
	if status, answer := w.post("/settle", []byte(`{}`)); status != http.StatusOK || answer.ErrorReason != "invalid_x402_version" {
		t.Errorf("empty object: %d %+v", status, answer)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	good := Options{RPCURL: w.chain.URL, Network: w.chain.Network, Relayer: w.chain.Relayer}
	for name, change := range map[string]func(*Options){
		"no key":        func(o *Options) { o.Relayer = nil },
		"no chain":      func(o *Options) { o.RPCURL = "http://127.0.0.1:1" },
		"another chain": func(o *Options) { o.Network, _ = usdc.ByChainID(usdc.Base) },
		"another token": func(o *Options) { o.Network = o.Network.WithToken(w.treasury()) },
		"another name":  func(o *Options) { o.Network.TokenName = "USD Coin" },
	} {
		o := good
		change(&o)
		if f, err := New(t.Context(), o); err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHoldsTransfer(t *testing.T) {
	p := x402.Payment{
		Domain:        usdc.Domain{Contract: common.Address{1}},
		Authorization: x402.Authorization{From: common.Address{2}, To: common.Address{3}, Value: 10_000},
	}
	for name, tt := range map[string]struct {
		change func(*types.Log)
		want   bool
	}{
		"it":           {func(*types.Log) {}, true},
		"token":        {func(l *types.Log) { l.Address[0]++ }, false},
		"event":        {func(l *types.Log) { l.Topics[0][0]++ }, false},
		"payer":        {func(l *types.Log) { l.Topics[1][31]++ }, false},
		"recipient":    {func(l *types.Log) { l.Topics[2][31]++ }, false},
		"value":        {func(l *types.Log) { l.Data[31]++ }, false},
		"value larger": {func(l *types.Log) { l.Data[0]++ }, false},
		"no topics":    {func(l *types.Log) { l.Topics = nil }, false},
	} {
		log := &types.Log{
			Address: p.Domain.Contract,
			Topics:  []common.Hash{topicTransfer, common.BytesToHash(p.Authorization.From[:]), common.BytesToHash(p.Authorization.To[:])},
			Data:    common.LeftPadBytes(number(10_000), 32),
		}
		tt.change(log)
		if got := holdsTransfer(&types.Receipt{Logs: []*types.Log{log}}, p); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
