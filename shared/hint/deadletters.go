package hint

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
)

// DeadLetters are the messages that ProcessPayout has refused too often. They
// are taken, looked at, and acknowledged or given back.
type DeadLetters struct {
	client       *pubsub.Client
	subscription string
}

// Letter is one of them.
type Letter struct {
	MessageID string    `json:"message"`
	Published time.Time `json:"published"`
	Attempts  int       `json:"attempts,omitempty"` // before it was given up
	Hint      Hint      `json:"-"`
	Malformed error     `json:"-"` // it is no hint

	ack string
}

// attempts is the attribute in which Pub/Sub counts them
// (https://cloud.google.com/pubsub/docs/handling-failures#track_delivery_attempts).
const attempts = "CloudPubSubDeadLetterSourceDeliveryCount"

// NewDeadLetters reads the subscription "projects/P/subscriptions/S". Nothing is
// taken until Take.
func NewDeadLetters(ctx context.Context, subscription string, opts ...option.ClientOption) (*DeadLetters, error) {
	parts := strings.Split(subscription, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != "subscriptions" || parts[3] == "" {
		return nil, fmt.Errorf("hint: subscription %q is not of the form projects/PROJECT/subscriptions/NAME; set PAYOUT_DEAD_LETTER_SUBSCRIPTION", subscription)
	}
	client, err := pubsub.NewClient(ctx, parts[1], opts...)
	if err != nil {
		return nil, fmt.Errorf("hint: connect to Pub/Sub for %s: %w", subscription, err)
	}
	return &DeadLetters{client: client, subscription: subscription}, nil
}

// Close ends the connection. What was taken and neither acknowledged nor given
// back comes again by itself.
func (d *DeadLetters) Close() error { return d.client.Close() }

const (
	hold      = 600 // seconds, the longest that Pub/Sub leaves a message to whoever took it
	perPull   = 100
	emptyWait = 3 * time.Second // for a first message: an empty subscription does not answer
	perAck    = 500             // acknowledgements in one request
)

// Take takes up to most letters, oldest first, for ten minutes. Pub/Sub may
// have more than it gives at once: fewer than most does not mean that these are
// all, but an empty answer means that there are none to be had now.
func (d *DeadLetters) Take(ctx context.Context, most int) ([]Letter, error) {
	var all []Letter
	for len(all) < most {
		some, err := d.pull(ctx, min(perPull, most-len(all)))
		if err != nil {
			return all, err
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b Letter) int { return a.Published.Compare(b.Published) })
	return all, nil
}

func (d *DeadLetters) pull(ctx context.Context, most int) ([]Letter, error) {
	waiting, cancel := context.WithTimeout(ctx, emptyWait)
	defer cancel()
	resp, err := d.client.SubscriptionAdminClient.Pull(waiting, &pubsubpb.PullRequest{Subscription: d.subscription, MaxMessages: int32(most)})
	if err != nil {
		if waiting.Err() != nil && ctx.Err() == nil {
			return nil, nil // nothing came
		}
		return nil, fmt.Errorf("hint: take dead letters from %s: %w", d.subscription, err)
	}
	var out []Letter
	for _, m := range resp.GetReceivedMessages() {
		l := Letter{MessageID: m.GetMessage().GetMessageId(), Published: m.GetMessage().GetPublishTime().AsTime(), ack: m.GetAckId()}
		l.Attempts, _ = strconv.Atoi(m.GetMessage().GetAttributes()[attempts])
		l.Hint, l.Malformed = Decode(m.GetMessage().GetData())
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, d.deadline(ctx, out, hold)
}

// GiveBack lets the letters be taken again at once.
func (d *DeadLetters) GiveBack(ctx context.Context, letters []Letter) error {
	return d.deadline(ctx, letters, 0)
}

func (d *DeadLetters) deadline(ctx context.Context, letters []Letter, seconds int32) error {
	return d.each(letters, func(ids []string) error {
		err := d.client.SubscriptionAdminClient.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
			Subscription: d.subscription, AckIds: ids, AckDeadlineSeconds: seconds,
		})
		if err != nil {
			return fmt.Errorf("hint: hold dead letters of %s: %w", d.subscription, err)
		}
		return nil
	})
}

// Acknowledge takes the letters away for good. One whose ten minutes are over
// may come again all the same.
func (d *DeadLetters) Acknowledge(ctx context.Context, letters []Letter) error {
	return d.each(letters, func(ids []string) error {
		err := d.client.SubscriptionAdminClient.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: d.subscription, AckIds: ids})
		if err != nil {
			return fmt.Errorf("hint: acknowledge dead letters of %s: %w", d.subscription, err)
		}
		return nil
	})
}

func (d *DeadLetters) each(letters []Letter, do func(ids []string) error) error {
	for part := range slices.Chunk(letters, perAck) {
		ids := make([]string, len(part))
		for i, l := range part {
			ids[i] = l.ack
		}
		if err := do(ids); err != nil {
			return err
		}
	}
	return nil
}
