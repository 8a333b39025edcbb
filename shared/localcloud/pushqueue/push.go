package pushqueue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

// envelope is the body of a push request.
type envelope struct {
	Message      message `json:"message"`
	Subscription string  `json:"subscription"`
}

// message carries its id and time under both of the spellings that the real
// service sends.
type message struct {
	Attributes   map[string]string `json:"attributes,omitempty"`
	Data         []byte            `json:"data"` // base64 in JSON
	MessageID    string            `json:"messageId"`
	MessageIDOld string            `json:"message_id"`
	PublishTime  time.Time         `json:"publishTime"`
	PublishOld   time.Time         `json:"publish_time"`
}

func newPusher(o Options, subscription string) *pusher {
	o.MinBackoff = cmp.Or(o.MinBackoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 10*time.Second)
	o.Deadline = cmp.Or(o.Deadline, 2*time.Minute)
	if o.Copies == nil {
		o.Copies = func(string) int { return 1 }
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	return &pusher{Options: o, subscription: subscription, log: cmp.Or(o.Log, slog.Default()), attempts: map[string]int{}}
}

// deliver handles one message. It holds the message while it backs off, so
// that other messages are not delayed by it.
func (p *pusher) deliver(ctx context.Context, m *pubsub.Message) {
	err := p.post(ctx, m)
	for copies := p.Copies(m.ID); err == nil && copies > 1; copies-- {
		// What a duplicate is answered does not undo the acknowledgement.
		_ = p.post(ctx, m)
	}
	attempt := p.count(m.ID, err == nil)
	if err == nil {
		m.Ack()
		return
	}
	wait := p.backoff(attempt)
	p.log.WarnContext(ctx, "message not acknowledged; it will be delivered again",
		slog.String("message", m.ID), slog.Int("attempt", attempt), slog.String("after", wait.String()), slog.Any("error", err))
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	m.Nack()
}

func (p *pusher) post(ctx context.Context, m *pubsub.Message) error {
	p.mu.Lock()
	p.stats.Delivered++
	p.mu.Unlock()
	body, err := json.Marshal(envelope{
		Message: message{
			Attributes: m.Attributes, Data: m.Data,
			MessageID: m.ID, MessageIDOld: m.ID,
			PublishTime: m.PublishTime.UTC(), PublishOld: m.PublishTime.UTC(),
		},
		Subscription: p.subscription,
	})
	if err != nil {
		return fmt.Errorf("encoding message %s: %w", m.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("push request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("push request: %w", err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("push request: %s answered %s: %s", p.Endpoint, res.Status, bytes.TrimSpace(answer))
	}
	return nil
}

// count notes the outcome of one delivery and returns how many there were.
func (p *pusher) count(id string, acked bool) (attempt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	attempt = p.attempts[id] + 1
	if acked {
		p.stats.Acked++
		delete(p.attempts, id)
		return attempt
	}
	p.stats.Failed++
	p.attempts[id] = attempt
	return attempt
}

// backoff doubles from MinBackoff after the first failure up to MaxBackoff.
func (p *pusher) backoff(failures int) time.Duration {
	wait := p.MinBackoff
	for range failures - 1 {
		if wait >= p.MaxBackoff/2 {
			return p.MaxBackoff
		}
		wait *= 2
	}
	return min(wait, p.MaxBackoff)
}
