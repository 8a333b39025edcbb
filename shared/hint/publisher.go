package hint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Publisher publishes hints to one topic.
type Publisher struct {
	client *pubsub.Client
	topic  *pubsub.Publisher
}

// NewPublisher publishes to topic, "projects/P/topics/T". The client honours
// PUBSUB_EMULATOR_HOST by itself. Nothing is sent until Publish.
func NewPublisher(ctx context.Context, topic string, opts ...option.ClientOption) (*Publisher, error) {
	parts := strings.Split(topic, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != "topics" || parts[3] == "" {
		return nil, fmt.Errorf("hint: topic %q is not of the form projects/PROJECT/topics/TOPIC; set PAYOUT_TOPIC", topic)
	}
	client, err := pubsub.NewClient(ctx, parts[1], opts...)
	if err != nil {
		return nil, fmt.Errorf("hint: connect to Pub/Sub for %s: %w", topic, err)
	}
	return &Publisher{client: client, topic: client.Publisher(topic)}, nil
}

// Publish sends the hints and waits until Pub/Sub holds each of them: a
// function's CPU may be taken away once it has answered. The error joins those
// of every hint that was not taken; the others are published all the same.
func (p *Publisher) Publish(ctx context.Context, hints ...Hint) error {
	sent := make([]*pubsub.PublishResult, len(hints))
	for i, h := range hints {
		sent[i] = p.topic.Publish(ctx, &pubsub.Message{Data: h.Encode(), Attributes: traceOf(ctx)})
	}
	var errs []error
	for i, r := range sent {
		if _, err := r.Get(ctx); err != nil {
			errs = append(errs, fmt.Errorf("hint: publish %s: %w", hints[i], err))
		}
	}
	return errors.Join(errs...)
}

// PublishPayout publishes the hint that a payout may need work.
func (p *Publisher) PublishPayout(ctx context.Context, id ledger.PayoutID) error {
	return p.Publish(ctx, Payout(id))
}

// Close sends what is still buffered and ends the connection.
func (p *Publisher) Close() error {
	p.topic.Stop()
	return p.client.Close()
}
