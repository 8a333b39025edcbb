package x402

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

const (
	hashText = "0x89c91c789e57059b17285e7ba1716a1f5ff4c5dace0ea5a5135f26158d0421b9"
	payer0   = "0xb59b2007BE51716aAd23d80E8D61D5a43b2aAa79" // of vector 0, on eip155:8453
)

func TestClassifyAnswers(t *testing.T) {
	tx := common.HexToHash(hashText)
	for name, tt := range map[string]struct {
		status int
		body   string
		want   Outcome // Detail is compared only when set
	}{
		// Definite.
		"settled":                  {200, `{"success":true,"transaction":"` + hashText + `","network":"eip155:8453","payer":"` + payer0 + `"}`, Outcome{Kind: Settled, Tx: tx}},
		"settled, payer lower":     {200, `{"success":true,"transaction":"` + hashText + `","network":"eip155:8453","payer":"` + strings.ToLower(payer0) + `"}`, Outcome{Kind: Settled, Tx: tx}},
		"settled, nulls":           {200, `{"success":true,"transaction":"` + hashText + `","network":null,"payer":null,"errorReason":null,"errorMessage":null}`, Outcome{Kind: Settled, Tx: tx}},
		"settled, unknown members": {201, `{"success":true,"transaction":"` + hashText + `","extensions":{"a":[1]},"amount":"1"}`, Outcome{Kind: Settled, Tx: tx}},
		"refused 200":              {200, `{"success":false,"errorReason":"insufficient_funds","transaction":"","network":"eip155:8453"}`, Outcome{Kind: Refused, Reason: "insufficient_funds"}},
		"refused 400, CDP":         {400, `{"success":false,"errorReason":"invalid_exact_evm_payload_signature","errorMessage":"bad","payer":"` + payer0 + `"}`, Outcome{Kind: Refused, Reason: "invalid_exact_evm_payload_signature", Detail: "bad"}},
		"refused 402":              {402, `{"success":false,"errorReason":"invalid_exact_evm_insufficient_balance","transaction":null}`, Outcome{Kind: Refused, Reason: "invalid_exact_evm_insufficient_balance"}},
		"provider: no credentials": {401, `{"errorType":"unauthorized","errorMessage":"bad token","correlationId":"41deb8d59a9dc9a7-IAD"}`, Outcome{Kind: Refused, Reason: "unauthorized", Detail: "bad token; 41deb8d59a9dc9a7-IAD"}},
		"provider: too many":       {429, `{"errorType":"rate_limit_exceeded","errorMessage":"slow"}`, Outcome{Kind: Refused, Reason: "rate_limit_exceeded"}},
		"provider: not paid up":    {402, `{"errorType":"payment_method_required","errorMessage":"add a card"}`, Outcome{Kind: Refused, Reason: "payment_method_required"}},

		// Success that is none, or cannot be used.
		"empty hash":            {200, `{"success":true,"transaction":""}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"no hash":               {200, `{"success":true}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"null hash":             {200, `{"success":true,"transaction":null}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"short hash":            {200, `{"success":true,"transaction":"0x1234"}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"zero hash":             {200, `{"success":true,"transaction":"0x` + strings.Repeat("0", 64) + `"}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"hash without 0x":       {200, `{"success":true,"transaction":"` + hashText[2:] + `00"}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"solana signature":      {200, `{"success":true,"transaction":"5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW"}`, Outcome{Kind: Unknown, Reason: ReasonNoTransaction}},
		"success with HTTP 500": {500, `{"success":true,"transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: "http_500", Tx: tx}},
		"success with HTTP 400": {400, `{"success":true,"transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: "http_400", Tx: tx}},
		"other network":         {200, `{"success":true,"transaction":"` + hashText + `","network":"eip155:84532"}`, Outcome{Kind: Unknown, Reason: ReasonOtherPayment, Tx: tx}},
		"other payer":           {200, `{"success":true,"transaction":"` + hashText + `","payer":"0xD6AdfF4C0EC5135912AF85C052Ca022863de4805"}`, Outcome{Kind: Unknown, Reason: ReasonOtherPayment, Tx: tx}},
		"payer no address":      {200, `{"success":true,"transaction":"` + hashText + `","payer":"bob"}`, Outcome{Kind: Unknown, Reason: ReasonOtherPayment, Tx: tx}},
		"success and a reason":  {200, `{"success":true,"transaction":"` + hashText + `","errorReason":"settlement_pending"}`, Outcome{Kind: Unknown, Reason: ReasonUnclear, Tx: tx}},

		// Failure that does not say "surely not sent".
		"pending":               {500, `{"success":false,"errorReason":"settlement_pending","transaction":"` + hashText + `","network":"eip155:8453"}`, Outcome{Kind: Unknown, Reason: "settlement_pending", Tx: tx}},
		"pending, 200":          {200, `{"success":false,"errorReason":"settlement_pending","transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: "settlement_pending", Tx: tx}},
		"pending, no hash":      {400, `{"success":false,"errorReason":"settlement_pending","transaction":""}`, Outcome{Kind: Unknown, Reason: "settlement_pending"}},
		"nonce used":            {200, `{"success":false,"errorReason":"nonce_already_used","transaction":""}`, Outcome{Kind: Unknown, Reason: "nonce_already_used"}},
		"nonce used, reference": {402, `{"success":false,"errorReason":"invalid_exact_evm_nonce_already_used","transaction":""}`, Outcome{Kind: Unknown, Reason: "invalid_exact_evm_nonce_already_used"}},
		"simulation failed":     {200, `{"success":false,"errorReason":"invalid_exact_evm_transaction_simulation_failed","transaction":""}`, Outcome{Kind: Unknown, Reason: "invalid_exact_evm_transaction_simulation_failed"}},
		"transaction failed":    {200, `{"success":false,"errorReason":"invalid_exact_evm_transaction_failed","transaction":""}`, Outcome{Kind: Unknown, Reason: "invalid_exact_evm_transaction_failed"}},
		"reverted":              {200, `{"success":false,"errorReason":"settle_exact_failed_onchain","transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: "settle_exact_failed_onchain", Tx: tx}},
		"timed out at CDP":      {400, `{"success":false,"errorReason":"settle_exact_evm_transaction_confirmation_timed_out"}`, Outcome{Kind: Unknown, Reason: "settle_exact_evm_transaction_confirmation_timed_out"}},
		"a new reason":          {200, `{"success":false,"errorReason":"invalid_exact_evm_moon_phase"}`, Outcome{Kind: Unknown, Reason: "invalid_exact_evm_moon_phase"}},
		"refusal, HTTP 500":     {500, `{"success":false,"errorReason":"insufficient_funds","transaction":""}`, Outcome{Kind: Unknown, Reason: "insufficient_funds"}},
		"refusal, HTTP 302":     {302, `{"success":false,"errorReason":"insufficient_funds","transaction":""}`, Outcome{Kind: Unknown, Reason: "insufficient_funds"}},
		"refusal with a hash":   {200, `{"success":false,"errorReason":"insufficient_funds","transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: "insufficient_funds", Tx: tx}},
		"refusal with half one": {200, `{"success":false,"errorReason":"insufficient_funds","transaction":"0x12"}`, Outcome{Kind: Unknown, Reason: "insufficient_funds"}},
		"no reason":             {200, `{"success":false,"transaction":""}`, Outcome{Kind: Unknown, Reason: ReasonUnclear}},
		"null reason":           {200, `{"success":false,"errorReason":null}`, Outcome{Kind: Unknown, Reason: ReasonUnclear}},
		"a sentence":            {200, `{"success":false,"errorReason":"Missing or invalid parameters.\nURL: x"}`, Outcome{Kind: Unknown, Reason: ReasonUnclear, Detail: "Missing or invalid parameters. URL: x"}},

		// The provider's own errors.
		"provider: 500":          {500, `{"errorType":"internal_server_error","errorMessage":"An internal server error occurred.","correlationId":"c1"}`, Outcome{Kind: Unknown, Reason: "internal_server_error", Detail: "An internal server error occurred.; c1"}},
		"provider: 504":          {504, `{"errorType":"timed_out","errorMessage":"late"}`, Outcome{Kind: Unknown, Reason: "timed_out"}},
		"provider: unauth 500":   {500, `{"errorType":"unauthorized","errorMessage":"?"}`, Outcome{Kind: Unknown, Reason: "unauthorized"}},
		"provider: failed":       {400, `{"errorType":"settlement_failed","errorMessage":"?"}`, Outcome{Kind: Unknown, Reason: "settlement_failed"}},
		"provider: closed by us": {499, `{"errorType":"client_closed_request","errorMessage":"?"}`, Outcome{Kind: Unknown, Reason: "client_closed_request"}},

		// Not the agreed JSON.
		"garbage":          {200, `<html>gateway</html>`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"garbage 502":      {502, `<html>gateway</html>`, Outcome{Kind: Unknown, Reason: "http_502"}},
		"plain 401":        {401, `Unauthorized`, Outcome{Kind: Unknown, Reason: "http_401"}},
		"redirect":         {307, ``, Outcome{Kind: Unknown, Reason: "http_307"}},
		"empty":            {200, ``, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"array":            {200, `[{"success":true}]`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"null":             {200, `null`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"empty object":     {200, `{}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"cut off":          {200, `{"success":true,"transaction":"` + hashText + `"`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"two objects":      {200, `{"success":true,"transaction":"` + hashText + `"}{}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"success twice":    {200, `{"success":false,"errorReason":"insufficient_funds","success":true,"transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"success in words": {200, `{"success":"true","transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"Success":          {200, `{"Success":true,"transaction":"` + hashText + `"}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"success null":     {200, `{"success":null,"errorReason":"insufficient_funds"}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"hash an object":   {200, `{"success":true,"transaction":{"hash":"` + hashText + `"}}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"reason a number":  {200, `{"success":false,"errorReason":17}`, Outcome{Kind: Unknown, Reason: ReasonMalformed}},
		"too large":        {200, `{"success":true,"transaction":"` + hashText + `","x":"` + strings.Repeat("y", MaxAnswerBytes) + `"}`, Outcome{Kind: Unknown, Reason: ReasonTooLarge}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Classify(Answer{Status: tt.status, Body: []byte(tt.body)}, vectors(t)[0].payment(t))
			if tt.want.Detail == "" {
				got.Detail = ""
			}
			if got != tt.want {
				t.Errorf("HTTP %d %s\n got %+v\nwant %+v", tt.status, tt.body, got, tt.want)
			}
		})
	}
}

func TestClassifyTransport(t *testing.T) {
	dial := &url.Error{Op: "Post", URL: "https://user:secret@host/settle?key=secret", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	for name, tt := range map[string]struct {
		answer Answer
		kind   Kind
		reason string
	}{
		"never connected":     {Answer{Err: dial, Unsent: true}, Refused, ReasonUnreachable},
		"dialled, maybe sent": {Answer{Err: dial}, Unknown, ReasonTransport},
		"timeout":             {Answer{Err: fmt.Errorf("post: %w", context.DeadlineExceeded)}, Unknown, ReasonTimeout},
		"socket timeout":      {Answer{Err: &net.OpError{Op: "read", Err: timeoutError{}}}, Unknown, ReasonTimeout},
		"reset":               {Answer{Err: errors.New("connection reset by peer")}, Unknown, ReasonTransport},
		// A whole answer that came with an error did not come whole.
		"settled but broken": {Answer{Status: 200, Body: []byte(`{"success":true,"transaction":"` + hashText + `"}`), Err: errors.New("unexpected EOF")}, Unknown, ReasonTransport},
	} {
		got := Classify(tt.answer, vectors(t)[0].payment(t))
		if got.Kind != tt.kind || got.Reason != tt.reason || got.Tx != (common.Hash{}) {
			t.Errorf("%s: %+v, want %s %s", name, got, tt.kind, tt.reason)
		}
		if strings.Contains(got.Detail, "secret") {
			t.Errorf("%s: the detail holds the URL: %s", name, got.Detail)
		}
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// A facilitator may quote the call that it made, signature and all.
func TestDetailHidesSignatures(t *testing.T) {
	p := vectors(t)[0].payment(t)
	sig := p.Request().Payload.Payload.Signature
	r, s := "0x"+sig[2:66], sig[66:130]
	raw := common.FromHex(sig)
	for name, e := range map[string]*base64.Encoding{
		"base64": base64.StdEncoding, "base64url": base64.URLEncoding, "unpadded": base64.RawStdEncoding, "base64url, unpadded": base64.RawURLEncoding,
	} {
		for _, text := range []string{e.EncodeToString(raw), e.EncodeToString(raw[:32]), url.QueryEscape(e.EncodeToString(raw))} {
			body, err := json.Marshal(map[string]any{"success": false, "errorReason": "cannot recover " + text, "errorMessage": "from " + text, "correlationId": text})
			if err != nil {
				t.Fatal(err)
			}
			o := Classify(Answer{Status: 400, Body: body}, p)
			if shown := o.Reason + o.Detail; strings.Contains(shown, text[:12]) || strings.Contains(shown, text[20:32]) {
				t.Errorf("%s: shows part of the signature: %+v", name, o)
			}
		}
	}
	for _, body := range []string{
		`{"success":false,"errorReason":"x","errorMessage":"args: (` + sig + `)"}`,
		`{"success":false,"errorReason":"reverted ` + r + `, ` + s + `"}`,
		`{"success":false,"errorReason":"` + s + `"}`,
		`{"errorType":"` + s + `","errorMessage":"` + strings.ToUpper(s) + `","correlationId":"` + r + `"}`,
		`{"success":true,"transaction":"","errorMessage":"` + s[:50] + `"}`,
	} {
		for _, status := range []int{200, 400, 500} {
			o := Classify(Answer{Status: status, Body: []byte(body)}, p)
			shown := strings.ToLower(o.Reason + o.Detail)
			for _, part := range []string{sig[4:20], s[:16], s[30:46]} {
				if strings.Contains(shown, part) {
					t.Errorf("%s: shows part of the signature: %+v", body, o)
				}
			}
		}
	}
}

func TestDetailIsBounded(t *testing.T) {
	o := Classify(Answer{Status: 200, Body: []byte(`{"success":false,"errorReason":"x","errorMessage":"` + strings.Repeat("ü\\u0007\\n", 500) + `"}`)}, vectors(t)[0].payment(t))
	if n := len([]rune(o.Detail)); n != 200 || strings.ContainsAny(o.Detail, "\a\n") {
		t.Errorf("%d characters: %q", n, o.Detail)
	}
}

// Refusals must stay codes that facilitators can really spell, and hold none
// that is also said after a broadcast.
func TestRefusals(t *testing.T) {
	for reason := range refusals {
		if code(reason) != reason {
			t.Errorf("%q is no code", reason)
		}
		for _, later := range []string{"nonce", "pending", "failed_on", "transaction", "simulation", "timed_out", "settle_"} {
			if strings.Contains(reason, later) {
				t.Errorf("%q may be said after a broadcast", reason)
			}
		}
	}
}
