package x402

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// FuzzClassify: whatever a facilitator answers, no outcome claims more than
// the answer says, and none holds what must not be stored or shown.
func FuzzClassify(f *testing.F) {
	for _, body := range []string{
		`{"success":true,"transaction":"` + hashText + `","network":"eip155:8453","payer":"` + payer0 + `"}`,
		`{"success":false,"errorReason":"insufficient_funds","transaction":""}`,
		`{"success":false,"errorReason":"settlement_pending","transaction":"` + hashText + `"}`,
		`{"errorType":"unauthorized","errorMessage":"x","correlationId":"y"}`,
		`{"success":true,"success":false}`, `{"success":null}`, `{`, `[]`, ``, `{"success":true,"transaction":"0x"}`,
	} {
		for _, status := range []int{200, 302, 400, 402, 500} {
			f.Add(status, []byte(body))
		}
	}
	p := vectors(f)[0].payment(f)
	reasonForm := regexp.MustCompile(`^[a-z0-9_.:-]{1,96}$`)
	hex := regexp.MustCompile(`[0-9a-fA-F]{41}`)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		o := Classify(Answer{Status: status, Body: body}, p)
		switch o.Kind {
		case Settled:
			var loose map[string]any
			if err := json.Unmarshal(body, &loose); err != nil || loose["success"] != true {
				t.Errorf("settled by %q", body)
			}
			named, _ := loose["transaction"].(string)
			if status < 200 || status > 299 || o.Tx == (common.Hash{}) || !strings.EqualFold(named, o.Tx.Hex()) {
				t.Errorf("HTTP %d %q: settled as %+v", status, body, o)
			}
		case Refused:
			if status >= http.StatusInternalServerError || status < 200 || o.Tx != (common.Hash{}) || !refusals[o.Reason] && !providerRefusals[o.Reason] {
				t.Errorf("HTTP %d %q: refused as %+v", status, body, o)
			}
		case Unknown:
		default:
			t.Errorf("kind %q", o.Kind)
		}
		if o.Kind != Settled && !reasonForm.MatchString(o.Reason) {
			t.Errorf("reason %q", o.Reason)
		}
		if hex.MatchString(o.Reason+"|"+o.Detail) || len([]rune(o.Detail)) > maxDetail {
			t.Errorf("unfit to show: %+v", o)
		}
		if again := Classify(Answer{Status: status, Body: body}, p); again != o {
			t.Errorf("twice: %+v and %+v", o, again)
		}
	})
}

// FuzzRequest: a body that reads as a payment is written back as the same payment.
func FuzzRequest(f *testing.F) {
	raw, err := json.Marshal(vectors(f)[0].payment(f).Request())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"x402Version":2,"paymentPayload":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		if json.Unmarshal(body, &r) != nil {
			return
		}
		p, err := r.Payment()
		if err != nil {
			return
		}
		again, err := p.Request().Payment()
		if err != nil || again.Domain != p.Domain || again.Authorization != p.Authorization {
			t.Errorf("read %v, written back %v, %v", p, again, err)
		}
		_ = p.Check() // must not panic
	})
}

// FuzzVerification: no answer to /verify is taken for valid unless it says so.
func FuzzVerification(f *testing.F) {
	f.Add([]byte(`{"isValid":true,"payer":"x"}`))
	f.Add([]byte(`{"isValid":false,"invalidReason":"insufficient_funds","invalidMessage":null}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := parseVerification(body)
		if v.Valid && (err != nil || !strings.Contains(string(body), "true")) {
			t.Errorf("%q is valid: %+v, %v", body, v, err)
		}
		if len([]rune(v.Detail)) > maxDetail {
			t.Errorf("detail of %d", len(v.Detail))
		}
	})
}
