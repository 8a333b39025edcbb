package hint

import (
	"context"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const topic = "projects/p/topics/payouts"

// pubsubServer is Pub/Sub in this process, with the topic when made is set.
func pubsubServer(t *testing.T, made bool) (*pstest.Server, *Publisher) {
	t.Helper()
	srv := pstest.NewServer()
	t.Cleanup(func() { _ = srv.Close() })
	if made {
		if _, err := srv.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := grpc.NewClient(srv.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p, err := NewPublisher(t.Context(), topic, option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	return srv, p
}

func TestPublish(t *testing.T) {
	srv, p := pubsubServer(t, true)
	if err := p.PublishPayout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), Receipts()); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, m := range srv.Messages() { // Publish has returned: all are there
		h, err := Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		got[h.String()] = true
	}
	if len(got) != 2 || !got[idText] || !got["receipts"] {
		t.Errorf("published %v, want %s and receipts", got, idText)
	}
	if err := p.Publish(t.Context()); err != nil {
		t.Errorf("publishing nothing: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestPublishReportsWhatWasNotTaken(t *testing.T) {
	t.Run("no such topic", func(t *testing.T) {
		_, p := pubsubServer(t, false)
		if err := p.Publish(t.Context(), Receipts()); status.Code(err) != codes.NotFound {
			t.Errorf("Publish = %v, want NotFound", err)
		}
	})
	t.Run("context over", func(t *testing.T) {
		_, p := pubsubServer(t, true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Publish(ctx, Receipts()); err == nil {
			t.Error("Publish under a cancelled context = nil")
		}
	})
}

func TestNewPublisherRefusesAHalfName(t *testing.T) {
	for _, name := range []string{"", "payouts", "projects/p/topics/", "projects//topics/t", "projects/p/subscriptions/s"} {
		if p, err := NewPublisher(t.Context(), name); err == nil {
			_ = p.Close()
			t.Errorf("NewPublisher(%q) = nil error", name)
		}
	}
}
