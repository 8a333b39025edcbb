// Package pushqueue is Pub/Sub for one machine: Google's own in-process fake
// (pstest), and the half that it lacks, push delivery. Messages of one topic
// are POSTed to an endpoint in the format of a push subscription, at least
// once: a 2xx answer acknowledges, anything else brings the message again,
// later and later.
//
// https://cloud.google.com/pubsub/docs/push
package pushqueue

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Options say what to deliver where.
type Options struct {
	Topic    string // projects/P/topics/T
	Endpoint string // URL that messages are POSTed to

	Listen     string              // host:port of the Pub/Sub API; default 127.0.0.1:0, any free port
	MinBackoff time.Duration       // before the second delivery; default 200 ms
	MaxBackoff time.Duration       // default 10 s
	Deadline   time.Duration       // of one delivery; default 2 minutes
	Copies     func(id string) int // how often a message that was acknowledged is delivered in all; default 1
	HTTP       *http.Client        // default: a client of its own
	Log        *slog.Logger        // default: slog.Default
}

// Queue is a running topic with its push subscription.
type Queue struct {
	Addr string // host:port, for PUBSUB_EMULATOR_HOST

	server *pstest.Server
	client *pubsub.Client
	push   *pusher
	cancel context.CancelFunc
	done   chan struct{}
}

// Start serves the topic and begins to deliver. Close the queue to stop both.
func Start(ctx context.Context, o Options) (*Queue, error) {
	project, topic, ok := parseTopic(o.Topic)
	if !ok {
		return nil, fmt.Errorf("pushqueue: topic %q is not of the form projects/P/topics/T", o.Topic)
	}
	server, err := listen(cmp.Or(o.Listen, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	q := &Queue{Addr: server.Addr, server: server, done: make(chan struct{})}
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s-push", project, topic)
	if err := q.subscribe(ctx, project, o.Topic, subscription); err != nil {
		server.Close()
		return nil, err
	}
	q.push = newPusher(o, subscription)

	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q.cancel = cancel
	sub := q.client.Subscriber(subscription)
	sub.ReceiveSettings.ShutdownOptions = &pubsub.ShutdownOptions{Behavior: pubsub.ShutdownBehaviorNackImmediately}
	go func() {
		defer close(q.done)
		if err := sub.Receive(run, q.push.deliver); err != nil && run.Err() == nil {
			q.push.log.ErrorContext(run, "push delivery ended", slog.Any("error", err))
		}
	}()
	return q, nil
}

// Close stops delivery and then the server. Messages that were not
// acknowledged are gone with it.
func (q *Queue) Close() error {
	q.cancel()
	<-q.done
	err := q.client.Close()
	if e := q.server.Close(); err == nil {
		err = e
	}
	return err
}

// Stats counts what was delivered since Start.
func (q *Queue) Stats() Stats {
	q.push.mu.Lock()
	defer q.push.mu.Unlock()
	return q.push.stats
}

// Stats are counts of deliveries.
type Stats struct {
	Delivered int // POSTs made
	Acked     int // messages acknowledged
	Failed    int // POSTs without a 2xx answer
}

func (q *Queue) subscribe(ctx context.Context, project, topic, subscription string) error {
	client, err := pubsub.NewClient(ctx, project,
		option.WithEndpoint(q.Addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		return fmt.Errorf("pushqueue: connecting to %s: %w", q.Addr, err)
	}
	if _, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		client.Close()
		return fmt.Errorf("pushqueue: creating topic %s: %w", topic, err)
	}
	if _, err := client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: 60,
	}); err != nil {
		client.Close()
		return fmt.Errorf("pushqueue: creating subscription %s: %w", subscription, err)
	}
	q.client = client
	return nil
}

// listen starts the fake, which panics when the address is taken.
func listen(addr string) (s *pstest.Server, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pushqueue: listening on %s: %v", addr, r)
		}
	}()
	return pstest.NewServerWithAddress(addr), nil
}

func parseTopic(name string) (project, topic string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[2] != "topics" || parts[1] == "" || parts[3] == "" {
		return "", "", false
	}
	return parts[1], parts[3], true
}

// pusher is the delivering half.
type pusher struct {
	Options
	subscription string
	log          *slog.Logger

	mu       sync.Mutex
	attempts map[string]int // of messages that are not acknowledged yet
	stats    Stats
}
