package x402

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The body is written out by hand here: what goes over the wire must not
// change with the code that makes it.
func TestRequestBytes(t *testing.T) {
	p := vectors(t)[0].payment(t)
	requirements := `{"scheme":"exact","network":"eip155:8453","amount":"10000",` +
		`"asset":"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913","payTo":"0xD6AdfF4C0EC5135912AF85C052Ca022863de4805",` +
		`"maxTimeoutSeconds":60,"extra":{"name":"USD Coin","version":"2"}}`
	want := `{"x402Version":2,"paymentPayload":{"x402Version":2,"accepted":` + requirements + `,"payload":{"signature":` +
		`"0xa831c2964e5d4496b2a8c34649773da4ad28dc853339d74b5bc147cd3026a4f723afffc95e408fe3e23086dcc8f784410377b71e9b721a48e737a90facfe69651b",` +
		`"authorization":{"from":"0xb59b2007BE51716aAd23d80E8D61D5a43b2aAa79","to":"0xD6AdfF4C0EC5135912AF85C052Ca022863de4805",` +
		`"value":"10000","validAfter":"0","validBefore":"1800003600",` +
		`"nonce":"0xcdeb8534a08211437d0ea661743e39b1a1ff5a1790a3c233f72eba9d20b1ce1b"}}},"paymentRequirements":` + requirements + `}`
	for _, v := range []byte{0x1b, 0x00} { // either form of v gives the same bytes
		p.Signature[64] = v
		got, err := json.Marshal(p.Request())
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("v %d: body\n%s\nwant\n%s", v, got, want)
		}
	}
}

func TestRequestRoundTrip(t *testing.T) {
	for i, v := range vectors(t) {
		p := v.payment(t)
		raw, err := json.Marshal(p.Request())
		if err != nil {
			t.Fatal(err)
		}
		var r Request
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		back, err := r.Payment()
		if err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
		if back.Domain != p.Domain || back.Authorization != p.Authorization || !bytes.Equal(back.Signature, p.Signature) {
			t.Errorf("vector %d: got %v, want %v", i, back, p)
		}
	}
}

func TestOptionalFieldsMayBeNull(t *testing.T) {
	raw, err := json.Marshal(vectors(t)[0].payment(t).Request())
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(raw), `"accepted"`, `"resource":null,"extensions":null,"accepted"`, 1)
	var r Request
	if err := json.Unmarshal([]byte(with), &r); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Payment(); err != nil || p.Check() != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestUnreadablePayments(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"v1 network":          func(r *Request) { r.Payload.Accepted.Network = "base" },
		"no extra":            func(r *Request) { r.Payload.Accepted.Extra = nil },
		"asset":               func(r *Request) { r.Payload.Accepted.Asset = "USDC" },
		"from without 0x":     func(r *Request) { r.Payload.Payload.Authorization.From = strings.Repeat("a", 42) },
		"to too short":        func(r *Request) { r.Payload.Payload.Authorization.To = "0x12" },
		"value in hex":        func(r *Request) { r.Payload.Payload.Authorization.Value = "0x10" },
		"value negative":      func(r *Request) { r.Payload.Payload.Authorization.Value = "-1" },
		"value with sign":     func(r *Request) { r.Payload.Payload.Authorization.Value = "+1" },
		"value with zeros":    func(r *Request) { r.Payload.Payload.Authorization.Value = "010" },
		"value with fraction": func(r *Request) { r.Payload.Payload.Authorization.Value = "1.0" },
		"value too large":     func(r *Request) { r.Payload.Payload.Authorization.Value = "9223372036854775808" },
		"validAfter empty":    func(r *Request) { r.Payload.Payload.Authorization.ValidAfter = "" },
		"validBefore word":    func(r *Request) { r.Payload.Payload.Authorization.ValidBefore = "never" },
		"nonce of 31 bytes":   func(r *Request) { r.Payload.Payload.Authorization.Nonce = "0x" + strings.Repeat("ab", 31) },
		"signature of 66":     func(r *Request) { r.Payload.Payload.Signature += "00" },
		"signature no hex":    func(r *Request) { r.Payload.Payload.Signature = "0x" + strings.Repeat("zz", 65) },
	} {
		r := vectors(t)[0].payment(t).Request()
		change(&r)
		if p, err := r.Payment(); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func TestRequestHidesSignature(t *testing.T) {
	r := vectors(t)[0].payment(t).Request()
	secret := r.Payload.Payload.Signature[2:40]
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("got", "request", r)
	for _, out := range []string{b.String(), fmt.Sprintf("%v", r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r.Payload.Payload)} {
		if strings.Contains(out, secret) {
			t.Errorf("shows the signature: %s", out)
		}
	}
}

func TestSettles(t *testing.T) {
	s := SupportedAnswer{Kinds: []SupportedKind{
		{Version: 1, Scheme: "exact", Network: "eip155:8453"},
		{Version: 2, Scheme: "upto", Network: "eip155:8453"},
		{Version: 2, Scheme: "exact", Network: "eip155:84532"},
	}}
	if s.Settles("eip155:8453") || !s.Settles("eip155:84532") {
		t.Errorf("only version 2, exact counts: %+v", s)
	}
}
