// Package hint is what Pub/Sub carries to ProcessPayout: a hint that some row
// of the database may need work, never the work itself. A hint that is lost,
// doubled, late or out of order changes nothing (payments.md, rules 6 and 7).
//
// The codec is pure; Publisher is the only user of the Pub/Sub client.
package hint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/propagation"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Hint says what may need work. Exactly one field is set.
type Hint struct {
	Payout   *ledger.PayoutID // this payout
	Receipts bool             // receipts of confirmed payouts
}

// Payout hints at one payout.
func Payout(id ledger.PayoutID) Hint { return Hint{Payout: &id} }

// Receipts hints that receipts may be due, or log transactions unconfirmed.
func Receipts() Hint { return Hint{Receipts: true} }

// String names the hint in logs: a payout's id, or "receipts".
func (h Hint) String() string {
	if h.Payout != nil {
		return h.Payout.String()
	}
	return "receipts"
}

// ErrMalformed means that a message is no hint and never will be: delivering
// it again cannot mend it, so it is acknowledged.
var ErrMalformed = errors.New("hint: malformed message")

type wire struct {
	Payout   string `json:"payout,omitempty"`
	Receipts bool   `json:"receipts,omitempty"`
}

// Encode is the data of the Pub/Sub message: {"payout":"0x...-3"} or
// {"receipts":true}.
func (h Hint) Encode() []byte {
	w := wire{Receipts: h.Receipts}
	if h.Payout != nil {
		w.Payout = h.Payout.String()
	}
	data, err := json.Marshal(w)
	if err != nil { // a string and a bool always marshal
		panic(err)
	}
	return data
}

// Decode reads what Encode writes. Unknown fields are left alone, so that
// newer senders can talk to older receivers. All errors are ErrMalformed.
func Decode(data []byte) (Hint, error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return Hint{}, fmt.Errorf("%w: data is not a JSON object: %w", ErrMalformed, err)
	}
	switch {
	case w.Payout != "" && w.Receipts:
		return Hint{}, fmt.Errorf("%w: both a payout and receipts", ErrMalformed)
	case w.Receipts:
		return Receipts(), nil
	case w.Payout == "":
		return Hint{}, fmt.Errorf("%w: neither a payout nor receipts", ErrMalformed)
	}
	id, err := ledger.ParsePayoutID(w.Payout)
	if err != nil {
		return Hint{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Payout(id), nil
}

// MaxPushBytes bounds the body of a push request. Hints are far smaller.
const MaxPushBytes = 64 << 10

// push is the body of a Pub/Sub push request
// (https://cloud.google.com/pubsub/docs/push#receive_push).
type push struct {
	Message struct {
		Data        string            `json:"data"` // standard base64
		MessageID   string            `json:"messageId"`
		PublishTime string            `json:"publishTime,omitempty"`
		Attributes  map[string]string `json:"attributes,omitempty"`
	} `json:"message"`
	Subscription    string `json:"subscription"`
	DeliveryAttempt int    `json:"deliveryAttempt,omitempty"` // with a dead-letter topic only
}

// Delivery is one push of a hint.
type Delivery struct {
	Hint      Hint
	MessageID string
	Attempt   int // from 1 when the subscription has a dead-letter topic, else 0

	trace propagation.MapCarrier
}

// Sent is ctx with the trace in which the hint was published, if its publisher
// said so.
func (d Delivery) Sent(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, d.trace)
}

// traceOf are the attributes of a message that belongs to ctx's trace: W3C's
// traceparent. Nil without a trace.
func traceOf(ctx context.Context) map[string]string {
	attributes := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, attributes)
	if len(attributes) == 0 {
		return nil
	}
	return attributes
}

// DecodePush reads the body of a push request. All errors are ErrMalformed;
// MessageID is then set when it could be read.
func DecodePush(body []byte) (Delivery, error) {
	var p push
	if err := json.Unmarshal(body, &p); err != nil {
		return Delivery{}, fmt.Errorf("%w: body is not a push request: %w", ErrMalformed, err)
	}
	d := Delivery{MessageID: p.Message.MessageID, Attempt: p.DeliveryAttempt, trace: p.Message.Attributes}
	data, err := base64.StdEncoding.DecodeString(p.Message.Data)
	if err != nil {
		return d, fmt.Errorf("%w: data is not base64: %w", ErrMalformed, err)
	}
	d.Hint, err = Decode(data)
	return d, err
}

// Message is a Pub/Sub message to be pushed.
type Message struct {
	ID         string
	Data       []byte
	Attributes map[string]string
	Attempt    int
}

// EncodePush makes the body of a push request as Pub/Sub does, for the
// tests of what receives one.
func EncodePush(subscription string, m Message) ([]byte, error) {
	var p push
	p.Subscription = subscription
	p.DeliveryAttempt = m.Attempt
	p.Message.MessageID = m.ID
	p.Message.Attributes = m.Attributes
	p.Message.Data = base64.StdEncoding.EncodeToString(m.Data)
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("hint: encode push request: %w", err)
	}
	return body, nil
}
