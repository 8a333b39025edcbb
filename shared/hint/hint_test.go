package hint

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var id = ledger.PayoutID{Worker: common.HexToAddress("0xAbcdef0000000000000000000000000000000001"), Seq: 3}

const idText = "0xabcdef0000000000000000000000000000000001-3"

func TestEncodeIsTheDocumentedForm(t *testing.T) {
	if got, want := string(Payout(id).Encode()), `{"payout":"`+idText+`"}`; got != want {
		t.Errorf("payout hint = %s, want %s", got, want)
	}
	if got, want := string(Receipts().Encode()), `{"receipts":true}`; got != want {
		t.Errorf("receipts hint = %s, want %s", got, want)
	}
}

func TestPushRoundTrip(t *testing.T) {
	for _, h := range []Hint{Payout(id), Receipts()} {
		body, err := EncodePush("projects/p/subscriptions/s", Message{ID: "m1", Data: h.Encode(), Attempt: 2})
		if err != nil {
			t.Fatal(err)
		}
		d, err := DecodePush(body)
		if err != nil {
			t.Fatal(err)
		}
		if d.Hint.String() != h.String() || d.MessageID != "m1" || d.Attempt != 2 {
			t.Errorf("push of %s decoded as %+v (%s)", h, d, d.Hint)
		}
	}
}

func TestDecodePush(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	envelope := func(data string) string {
		return `{"message":{"data":"` + data + `","messageId":"42","message_id":"42","publishTime":"2026-08-01T00:00:00Z"},"subscription":"projects/p/subscriptions/s"}`
	}
	tests := []struct {
		name, body string
		want       string // "" for malformed
	}{
		{"as Pub/Sub sends it", envelope(b64(`{"payout":"` + idText + `"}`)), idText},
		{"unknown field", envelope(b64(`{"receipts":true,"since":5}`)), "receipts"},
		{"empty body", "", ""},
		{"not JSON", "payout", ""},
		{"an array", "[]", ""},
		{"no message", "{}", ""},
		{"not base64", envelope("***"), ""},
		{"data not JSON", envelope(b64("hello")), ""},
		{"data null", envelope(b64("null")), ""},
		{"empty hint", envelope(b64("{}")), ""},
		{"two hints in one", envelope(b64(`{"payout":"` + idText + `","receipts":true}`)), ""},
		{"checksummed spelling of the id", envelope(b64(`{"payout":"0xAbcdef0000000000000000000000000000000001-3"}`)), ""},
		{"no such number", envelope(b64(`{"payout":"0xabcdef0000000000000000000000000000000001-0"}`)), ""},
		{"payout of the wrong type", envelope(b64(`{"payout":3}`)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := DecodePush([]byte(tt.body))
			if tt.want == "" {
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("DecodePush = %+v, %v; want ErrMalformed", d, err)
				}
				return
			}
			if err != nil || d.Hint.String() != tt.want || d.MessageID != "42" {
				t.Fatalf("DecodePush = %+v (%s), %v; want %s of message 42", d, d.Hint, err, tt.want)
			}
		})
	}
}

func FuzzDecodePush(f *testing.F) {
	body, err := EncodePush("s", Message{ID: "1", Data: Payout(id).Encode()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"message":{"data":"e30="}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := DecodePush(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		again, err := Decode(d.Hint.Encode())
		if err != nil || again.String() != d.Hint.String() {
			t.Fatalf("hint %s does not survive a round trip: %s, %v", d.Hint, again, err)
		}
		if d.Hint.Payout != nil && strings.ToLower(d.Hint.String()) != d.Hint.String() {
			t.Fatalf("hint %s is not canonical", d.Hint)
		}
	})
}
