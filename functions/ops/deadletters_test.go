package main

import (
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/hint"
)

const (
	liveTopic = "projects/p/topics/payouts"
	deadTopic = "projects/p/topics/payouts-dead"
	liveSub   = "projects/p/subscriptions/payouts"
	deadSub   = "projects/p/subscriptions/payouts-dead"
)

// letters is a Pub/Sub of its own, with the topics and subscriptions as
// Terraform makes them, but for the push.
type letters struct {
	*world
	server *pstest.Server
	client *pubsub.Client
}

func newLetters(t *testing.T, o ...pstest.ServerReactorOption) *letters {
	t.Helper()
	l := &letters{world: newWorld(t), server: pstest.NewServer(o...)}
	t.Cleanup(func() { l.server.Close() })
	t.Setenv("PUBSUB_EMULATOR_HOST", l.server.Addr)
	var err error
	l.client, err = pubsub.NewClient(t.Context(), "p")
	l.must(err)
	t.Cleanup(func() { l.client.Close() })
	for topic, sub := range map[string]string{liveTopic: liveSub, deadTopic: deadSub} {
		_, err := l.client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic})
		l.must(err)
		_, err = l.client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: sub, Topic: topic, AckDeadlineSeconds: 10})
		l.must(err)
	}
	l.env["PAYOUT_TOPIC"], l.env["PAYOUT_DEAD_LETTER_SUBSCRIPTION"] = liveTopic, deadSub
	return l
}

func (l *letters) dead(data string) {
	l.Helper()
	l.server.Publish(deadTopic, []byte(data), map[string]string{"CloudPubSubDeadLetterSourceDeliveryCount": "10"})
}

// published are the hints on the live topic.
func (l *letters) published() (out []string) {
	for _, m := range l.server.Messages() {
		if m.Topic == liveTopic {
			out = append(out, string(m.Data))
		}
	}
	return out
}

// waiting are the dead letters that are not acknowledged.
func (l *letters) waiting() (n int) {
	for _, m := range l.server.Messages() {
		if m.Topic == deadTopic && m.Acks == 0 {
			n++
		}
	}
	return n
}

// fill brings seven letters: two about one payout, one about a paid, a failed
// and an unknown one, one about receipts, and one that is no hint.
func (l *letters) fill() (open string) {
	l.Helper()
	failed, waits, paid, _ := l.four()
	for _, text := range []string{
		string(hint.Payout(waits).Encode()), string(hint.Payout(waits).Encode()), string(hint.Payout(paid).Encode()), string(hint.Payout(failed).Encode()),
		`{"payout":"0x00000000000000000000000000000000000000aa-1"}`, string(hint.Receipts().Encode()), "hello",
	} {
		l.dead(text)
	}
	return waits.String()
}

func TestDeadLetters(t *testing.T) {
	l := newLetters(t)
	l.says(0, line("deadletters list"), "none")
	l.says(0, line("deadletters requeue"), "0 published again")
	open := l.fill()

	for range 2 { // they are given back
		l.says(exitAttention, line("deadletters list"), open, "receipts", "confirmed", "failed", "does not exist", "not a JSON object", "publish", "drop", "keep", "10")
	}
	l.says(exitNotDone, line("deadletters requeue"), "add --yes")
	if len(l.published()) > 0 || l.waiting() != 7 {
		t.Fatalf("without a yes: %q published, %d left", l.published(), l.waiting())
	}
	var out lettersAnswer
	l.decode(l.says(0, line("deadletters requeue --yes --json")), &out)
	if out.Published != 2 || out.Dropped != 4 || len(out.Letters) != 7 {
		t.Errorf("%+v", out)
	}
	if got := l.published(); len(got) != 2 || !strings.Contains(strings.Join(got, ""), open) || !strings.Contains(strings.Join(got, ""), "receipts") {
		t.Errorf("published %q", got)
	}
	l.says(exitAttention, line("deadletters list"), "keep")
	if l.waiting() != 1 {
		t.Errorf("%d letters are left, want the one that is no hint", l.waiting())
	}
	l.says(0, line("deadletters requeue --yes --drop-malformed"), "0 published again, 1 dropped, 0 kept")
	l.says(0, line("deadletters list"), "none")
}

// What cannot be published stays where it is; what was published and not taken
// away comes again, which changes nothing.
func TestDeadLettersFaults(t *testing.T) {
	t.Run("not published", func(t *testing.T) {
		l := newLetters(t)
		l.fill()
		l.must(l.client.TopicAdminClient.DeleteTopic(t.Context(), &pubsubpb.DeleteTopicRequest{Topic: liveTopic}))
		l.says(exitFailed, line("deadletters requeue --yes"), "publish")
		if l.waiting() != 7 {
			t.Errorf("%d letters are left", l.waiting())
		}
	})
	t.Run("not acknowledged", func(t *testing.T) {
		l := newLetters(t, pstest.WithErrorInjection("Acknowledge", codes.PermissionDenied, "injected"))
		l.fill()
		l.says(exitFailed, line("deadletters requeue --yes"), "injected")
		if len(l.published()) != 2 || l.waiting() != 7 {
			t.Errorf("%q published, %d letters left", l.published(), l.waiting())
		}
	})
	t.Run("no such subscription", func(t *testing.T) {
		l := newLetters(t)
		l.env["PAYOUT_DEAD_LETTER_SUBSCRIPTION"] = "projects/p/subscriptions/other"
		l.says(exitFailed, line("deadletters list"), "projects/p/subscriptions/other")
		l.env["PAYOUT_DEAD_LETTER_SUBSCRIPTION"] = "payouts-dead"
		l.says(exitUsage, line("deadletters list"), "is not of the form projects/PROJECT/subscriptions/NAME")
	})
}
