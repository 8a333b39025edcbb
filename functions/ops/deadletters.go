package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type deadlettersListCmd struct {
	Limit int `help:"Take at most so many." default:"1000"`
}

type deadlettersRequeueCmd struct {
	Limit         int  `help:"Take at most so many." default:"1000"`
	DropMalformed bool `help:"Drop messages that are no hints, too."`
}

// letterView is a dead letter, and what is to be done with it.
type letterView struct {
	hint.Letter
	About  string `json:"about"`            // a payout, "receipts", or why it is no hint
	State  string `json:"state,omitempty"`  // of that payout, now
	Action string `json:"action,omitempty"` // publish, drop, keep
}

// lettersAnswer is the answer with --json.
type lettersAnswer struct {
	Letters   []letterView `json:"letters"`
	Published int          `json:"published"`
	Dropped   int          `json:"dropped"`
}

const (
	actPublish = "publish"
	actDrop    = "drop"
	actKeep    = "keep"
)

// letterbox is what both commands need.
type letterbox struct {
	console
	db    *spannerdb.DB
	dead  *hint.DeadLetters
	topic string
	taken []hint.Letter
}

func openLetters(c console, limit int) (*letterbox, error) {
	var o config.OperatorLetters
	if err := c.load(&o); err != nil {
		return nil, err
	}
	if limit < 1 || limit > 10_000 {
		return nil, usageError{fmt.Errorf("--limit is %d; want 1 to 10000", limit)}
	}
	db, err := c.database(o.Database)
	if err != nil {
		return nil, err
	}
	dead, err := hint.NewDeadLetters(c.ctx, o.DeadLetters)
	if err != nil {
		db.Close()
		return nil, usageError{err}
	}
	b := &letterbox{console: c, db: db, dead: dead, topic: o.Topic}
	if b.taken, err = dead.Take(c.ctx, limit); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *letterbox) close() {
	_ = b.dead.Close()
	b.db.Close()
}

// judge says what each letter is about, and what is to be done with it: a
// payout that is paid or has failed needs no hint, nor does one that does not
// exist; a second letter about the same is dropped with the first published.
func (b *letterbox) judge(dropMalformed bool) ([]letterView, error) {
	var ids []ledger.PayoutID
	for _, l := range b.taken {
		if l.Hint.Payout != nil {
			ids = append(ids, *l.Hint.Payout)
		}
	}
	states := map[ledger.PayoutID]ledger.PayoutState{}
	for part := range slices.Chunk(ids, 500) {
		found, err := b.db.PayoutsByID(b.ctx, part)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			states[p.ID] = p.State
		}
	}
	seen := map[string]bool{}
	out := make([]letterView, len(b.taken))
	for i, l := range b.taken {
		v := letterView{Letter: l, Action: actPublish}
		switch {
		case l.Malformed != nil:
			v.About, v.Action = l.Malformed.Error(), actKeep
			if dropMalformed {
				v.Action = actDrop
			}
		case l.Hint.Payout != nil:
			v.About, v.State = l.Hint.String(), string(states[*l.Hint.Payout])
			if v.State == "" {
				v.State = "does not exist"
			}
			if s := states[*l.Hint.Payout]; s == "" || s.Final() {
				v.Action = actDrop
			}
		default:
			v.About = l.Hint.String()
		}
		if v.Action == actPublish && seen[v.About] {
			v.Action = actDrop
		}
		seen[v.About] = seen[v.About] || v.Action == actPublish
		out[i] = v
	}
	return out, nil
}

func (b *letterbox) print(views []letterView) error {
	return b.table(func(line func(...string)) {
		line("MESSAGE", "PUBLISHED", "REFUSED", "ABOUT", "STATE", "WHAT TO DO")
		for _, v := range views {
			line(v.MessageID, ago(b.now(), v.Published), fmt.Sprint(v.Attempts), v.About, v.State, v.Action)
		}
	})
}

// Run lists dead letters and gives them back. That there are some is exit code
// 3.
func (cmd deadlettersListCmd) Run(c console) error {
	b, err := openLetters(c, cmd.Limit)
	if err != nil {
		return err
	}
	defer b.close()
	views, err := b.judge(false)
	if err = errors.Join(err, b.dead.GiveBack(c.ctx, b.taken)); err != nil {
		return err
	}
	switch {
	case c.json:
		err = c.printJSON(lettersAnswer{Letters: views})
	case len(views) == 0:
		c.printf("none\n")
	default:
		err = b.print(views)
	}
	if err == nil && len(views) > 0 {
		err = errAttention
	}
	return err
}

// Run shows what it would do, asks, publishes and then acknowledges: what comes
// in between leaves a letter to be published twice, which changes nothing.
func (cmd deadlettersRequeueCmd) Run(c console) error {
	b, err := openLetters(c, cmd.Limit)
	if err != nil {
		return err
	}
	defer b.close()
	views, err := b.judge(cmd.DropMalformed)
	if err != nil {
		return errors.Join(err, b.dead.GiveBack(c.ctx, b.taken))
	}
	if !c.json && len(views) > 0 {
		if err := b.print(views); err != nil {
			return err
		}
	}
	out := lettersAnswer{Letters: views}
	var keep, done []hint.Letter
	var hints []hint.Hint
	for _, v := range views {
		switch v.Action {
		case actKeep:
			keep = append(keep, v.Letter)
			continue
		case actPublish:
			hints = append(hints, v.Hint)
		}
		done = append(done, v.Letter)
	}
	if len(done) > 0 {
		err = c.confirm(fmt.Sprintf("Publish %d hints again, and take %d letters away?", len(hints), len(done)))
	}
	if err == nil {
		err = b.publish(hints)
	}
	if err == nil {
		out.Published, out.Dropped = len(hints), len(done)-len(hints)
		err = b.dead.Acknowledge(c.ctx, done)
	} else {
		keep = append(keep, done...)
	}
	err = errors.Join(err, b.dead.GiveBack(c.ctx, keep))
	if c.json {
		return errors.Join(c.printJSON(out), err)
	}
	if err == nil {
		c.printf("%d published again, %d dropped, %d kept\n", out.Published, out.Dropped, len(keep))
	}
	return err
}

func (b *letterbox) publish(hints []hint.Hint) error {
	if len(hints) == 0 {
		return nil
	}
	publisher, err := hint.NewPublisher(b.ctx, b.topic)
	if err != nil {
		return usageError{err}
	}
	defer publisher.Close()
	return publisher.Publish(b.ctx, hints...)
}
