package spannerdb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// How many rows one slice reads at the most, unless the caller wants fewer.
const (
	sliceWorkers = 200
	slicePayouts = 10_000
	sliceBatches = 50 // with up to 200 payouts each
)

// above is a key above every address.
const above = "0y"

// BooksOfWorkers checks, in one snapshot and without locks, the next slice of
// the workers' books after a mark: credits, payouts, results, and that each
// payout's receipt batch exists. It reads at most rows results of payouts, and
// as many of none, or those of one payout if that alone has more. What is summed
// up over all workers, it leaves to Books.
func (db *DB) BooksOfWorkers(ctx context.Context, from ledger.BooksMark, rows int) (out ledger.BooksSlice, err error) {
	err = db.readOnly(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		s := &booksSlice{tx: tx, from: from, rows: max(rows, 1)}
		for _, part := range []func(context.Context) error{s.readWorkers, s.readPayouts, s.readResults, s.readLostResults, s.readStrangers, s.readLost} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		out = s.judge()
		return nil
	})
	if err != nil {
		return ledger.BooksSlice{}, fmt.Errorf("spannerdb: read the books after %s: %w", from.ID, err)
	}
	return out, nil
}

// booksSlice is what was read of one slice.
type booksSlice struct {
	tx   *spanner.ReadOnlyTransaction
	from ledger.BooksMark
	rows int

	workers []ledger.WorkerBooks // in the order of their addresses; all of their payouts are read
	open    *ledger.WorkerBooks  // some of its payouts are; it comes last
	last    bool                 // there are no workers behind these
	beyond  *ledger.BooksMark    // where the slice ends amid the payouts of somebody who has no books
	read    int
	report  ledger.BooksReport
}

// readWorkers reads the credits of the next workers, as many as have not too
// many results in no payout.
func (s *booksSlice) readWorkers(ctx context.Context) error {
	keys := spanner.KeyRange{Start: spanner.Key{addressText(s.from.ID.Worker)}, End: spanner.Key{above}, Kind: spanner.ClosedOpen}
	if s.from.ID.Seq == ledger.AllPayouts {
		keys.Kind = spanner.OpenOpen
	}
	found, limit := 0, min(sliceWorkers, s.rows)
	var pending int64
	rows := s.tx.ReadWithOptions(ctx, "WorkerCredits", keys, strings.Split(selectCredits, ", "), &spanner.ReadOptions{Limit: limit})
	err := rows.Do(func(row *spanner.Row) error {
		var r creditRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		worker, err := parseAddress(r.Worker)
		found++
		if pending += r.PendingResults; len(s.workers) == 0 || pending <= int64(s.rows) {
			s.workers = append(s.workers, ledger.WorkerBooks{Worker: worker, Credits: r.credits()})
		}
		return err
	})
	s.last = found < limit && found == len(s.workers)
	s.read += found
	return err
}

// end is a key behind the last worker's rows.
func (s *booksSlice) end() spanner.Key {
	if s.last {
		return spanner.Key{above}
	}
	return spanner.Key{addressText(s.workers[len(s.workers)-1].Worker)}
}

// readPayouts reads these workers' payouts, and decides where the slice ends:
// amid a worker, if there are too many.
func (s *booksSlice) readPayouts(ctx context.Context) error {
	keys := spanner.KeyRange{
		Start: spanner.Key{addressText(s.from.ID.Worker), s.from.ID.Seq}, End: s.end(), Kind: spanner.OpenClosed,
	}
	limit := min(slicePayouts, s.rows)
	rows := s.tx.ReadWithOptions(ctx, "WorkerPayouts", keys, payoutPublic, &spanner.ReadOptions{Limit: limit})
	payouts, err := collectPayouts(rows)
	if err != nil {
		return err
	}
	s.read += len(payouts)
	more, results := len(payouts) == limit, int64(0)
	for i, p := range payouts {
		if results += p.ResultCount; i > 0 && results > int64(s.rows) {
			payouts, more = payouts[:i], true
			break
		}
	}
	for _, p := range payouts {
		at, known := slices.BinarySearchFunc(s.workers, p, func(w ledger.WorkerBooks, p ledger.Payout) int { return w.Worker.Cmp(p.ID.Worker) })
		if known {
			s.workers[at].Payouts = append(s.workers[at].Payouts, p)
		} else {
			s.stranger(addressText(p.ID.Worker))
		}
	}
	if more {
		s.cut(payouts[len(payouts)-1])
	}
	return nil
}

// cut ends the slice with a payout behind which there are more.
func (s *booksSlice) cut(p ledger.Payout) {
	at, known := slices.BinarySearchFunc(s.workers, p, func(w ledger.WorkerBooks, p ledger.Payout) int { return w.Worker.Cmp(p.ID.Worker) })
	if known {
		s.open = &s.workers[at]
	} else {
		s.beyond = &ledger.BooksMark{ID: p.ID}
	}
	s.workers, s.last = s.workers[:at], false
}

func (s *booksSlice) stranger(worker string) {
	const problem = "has results or payouts, but no books"
	if n := len(s.report.Disagreements); n == 0 || s.report.Disagreements[n-1] != (ledger.Disagreement{Subject: worker, Problem: problem}) {
		s.report.Add(worker, problem)
	}
}

// all are the workers of the slice.
func (s *booksSlice) all() []*ledger.WorkerBooks {
	var out []*ledger.WorkerBooks
	for i := range s.workers {
		out = append(out, &s.workers[i])
	}
	if s.open != nil {
		out = append(out, s.open)
	}
	return out
}

// sumKey is a payout number that results may be stamped with.
type sumKey struct {
	Worker string
	Seq    int64
}

// sumsQuery looks up each payout's results by the index, and those beyond the
// numbers that there can be.
const sumsQuery = `SELECT
  ARRAY(SELECT AS STRUCT r.Worker, r.PayoutSeq AS Seq, COUNT(*) AS Count, SUM(r.RewardMicros) AS Sum
    FROM UNNEST(@stamped) AS k JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN} WorkerResults@{FORCE_INDEX=ResultsByPayout} AS r
    ON r.Worker = k.Worker AND r.PayoutSeq = k.Seq GROUP BY r.Worker, r.PayoutSeq) AS Sums,
  ARRAY(SELECT AS STRUCT r.Worker, r.PayoutSeq AS Seq, COUNT(*) AS Count, SUM(r.RewardMicros) AS Sum
    FROM UNNEST(@next) AS k JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN} WorkerResults@{FORCE_INDEX=ResultsByPayout} AS r
    ON r.Worker = k.Worker AND r.PayoutSeq > k.Seq GROUP BY r.Worker, r.PayoutSeq) AS Beyond,
  ARRAY(SELECT AS STRUCT r.Worker, r.PayoutSeq AS Seq, COUNT(*) AS Count, SUM(r.RewardMicros) AS Sum
    FROM UNNEST(@next) AS k JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN} WorkerResults@{FORCE_INDEX=ResultsByPayout} AS r
    ON r.Worker = k.Worker AND r.PayoutSeq < 1 GROUP BY r.Worker, r.PayoutSeq) AS Below`

func (s *booksSlice) readResults(ctx context.Context) error {
	var stamped, next []sumKey
	byWorker := map[string]*ledger.WorkerBooks{}
	for _, w := range s.all() {
		name := addressText(w.Worker)
		byWorker[name] = w
		for _, p := range w.Payouts {
			stamped = append(stamped, sumKey{name, p.ID.Seq})
		}
		if w != s.open {
			next = append(next, sumKey{name, w.Credits.PayoutSeq})
		}
	}
	if len(byWorker) == 0 {
		return nil
	}
	type sum struct {
		Worker          string
		Seq, Count, Sum int64
	}
	var found struct{ Sums, Beyond, Below []*sum }
	stmt := spanner.Statement{SQL: sumsQuery, Params: map[string]any{"stamped": append(stamped, next...), "next": next}}
	if err := queryOne(ctx, s.tx, stmt, &found); err != nil {
		return err
	}
	for _, r := range slices.Concat(found.Below, found.Sums, found.Beyond) {
		w := byWorker[r.Worker]
		w.Results = append(w.Results, ledger.ResultSum{Seq: r.Seq, Count: r.Count, Sum: ledger.Micros(r.Sum)})
		s.read += int(r.Count)
	}
	return nil
}

// readLostResults reads what was lost of these workers' payouts: hardly any
// network has one.
func (s *booksSlice) readLostResults(ctx context.Context) error {
	workers := s.all()
	keys := spanner.KeyRange{Start: spanner.Key{addressText(s.from.ID.Worker)}, End: spanner.Key{above}, Kind: spanner.ClosedClosed}
	if s.from.ID.Seq == ledger.AllPayouts {
		keys.Kind = spanner.OpenClosed
	}
	if n := len(workers); n > 0 && !s.last {
		keys.End = spanner.Key{addressText(workers[n-1].Worker)}
	} else if n == 0 && !s.last {
		return nil
	}
	at := 0
	return s.tx.Read(ctx, "LostResults", keys, lostColumns).Do(func(row *spanner.Row) error {
		var worker string
		var l ledger.ResultSum
		var sum int64
		if err := row.Columns(&worker, &l.Seq, &l.Count, &sum); err != nil {
			return err
		}
		l.Sum = ledger.Micros(sum)
		s.read++
		for at < len(workers) && addressText(workers[at].Worker) < worker {
			at++
		}
		if at < len(workers) && addressText(workers[at].Worker) == worker {
			workers[at].Lost = append(workers[at].Lost, l)
		} else {
			s.stranger(worker)
		}
		return nil
	})
}

// readStrangers looks between the workers for results of somebody who has no
// books.
func (s *booksSlice) readStrangers(ctx context.Context) error {
	at := spanner.Key{addressText(s.from.ID.Worker)}
	var gaps []spanner.KeySet
	between := func(to spanner.Key) {
		gaps = append(gaps, spanner.KeyRange{Start: at, End: to, Kind: spanner.OpenOpen})
		at = to
	}
	for _, w := range s.all() {
		if key := (spanner.Key{addressText(w.Worker)}); key[0] != at[0] {
			between(key)
		}
	}
	if s.beyond != nil {
		between(spanner.Key{addressText(s.beyond.ID.Worker)})
	}
	if s.last {
		between(spanner.Key{above})
	}
	if len(gaps) == 0 {
		return nil
	}
	rows := s.tx.ReadWithOptions(ctx, "WorkerResults", spanner.KeySets(gaps...), []string{"Worker"},
		&spanner.ReadOptions{Index: "ResultsByPayout", Limit: sliceWorkers})
	return rows.Do(func(row *spanner.Row) error {
		var worker string
		err := row.Column(0, &worker)
		s.stranger(worker)
		return err
	})
}

// readLost looks for payouts whose receipt batch is not there.
func (s *booksSlice) readLost(ctx context.Context) error {
	in := map[ledger.BatchKey][]ledger.PayoutID{}
	var keys []spanner.KeySet
	for _, w := range s.all() {
		for _, p := range w.Payouts {
			if p.ReceiptBatch == nil {
				continue
			}
			if len(in[*p.ReceiptBatch]) == 0 {
				keys = append(keys, batchKey(*p.ReceiptBatch))
			}
			in[*p.ReceiptBatch] = append(in[*p.ReceiptBatch], p.ID)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	err := s.tx.Read(ctx, "ReceiptBatches", spanner.KeySets(keys...), []string{"Sender", "AccountNonce"}).Do(func(row *spanner.Row) error {
		var sender string
		var nonce int64
		if err := row.Columns(&sender, &nonce); err != nil {
			return err
		}
		address, err := parseAddress(sender)
		delete(in, ledger.BatchKey{Sender: address, AccountNonce: uint64(nonce)})
		return err
	})
	s.read += len(keys)
	for key, ids := range in {
		for _, id := range ids {
			s.report.Add(id.String(), "is in receipt batch %s, which does not exist", key)
		}
	}
	return err
}

func (s *booksSlice) judge() ledger.BooksSlice {
	out := ledger.BooksSlice{Report: s.report, Next: s.from, Done: s.last, Rows: s.read}
	for _, w := range s.workers {
		out.Next = out.Report.AddPart(s.from, w, true)
	}
	if s.open != nil {
		out.Next = out.Report.AddPart(s.from, *s.open, false)
	}
	if s.beyond != nil {
		out.Next = *s.beyond
	}
	return out
}

// BooksOfReceipts checks the next receipt batches after a mark, whose worker is
// their sender and whose number is their account nonce.
func (db *DB) BooksOfReceipts(ctx context.Context, from ledger.BooksMark, rows int) (out ledger.BooksSlice, err error) {
	err = db.readOnly(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		out = ledger.BooksSlice{Next: from}
		return batchesSlice(ctx, tx, min(sliceBatches, max(rows, 1)), &out)
	})
	if err != nil {
		return ledger.BooksSlice{}, fmt.Errorf("spannerdb: read the receipt batches after %s: %w", from.ID, err)
	}
	return out, nil
}

var (
	batchesOfSender = batchesQuery + " WHERE b.Sender = @sender AND b.AccountNonce > @nonce ORDER BY b.AccountNonce LIMIT @limit"
	batchesBehind   = batchesQuery + " WHERE b.Sender > @sender ORDER BY b.Sender, b.AccountNonce LIMIT @limit"
)

// batchesSlice reads the rest of a sender's batches, and then those of the next.
func batchesSlice(ctx context.Context, tx *spanner.ReadOnlyTransaction, limit int, out *ledger.BooksSlice) error {
	from := out.Next.ID
	stmt := spanner.Statement{SQL: batchesOfSender, Params: map[string]any{"sender": addressText(from.Worker), "nonce": from.Seq, "limit": int64(limit)}}
	if from.Seq == ledger.AllPayouts {
		stmt = spanner.Statement{SQL: batchesBehind, Params: map[string]any{"sender": addressText(from.Worker), "limit": int64(limit)}}
	}
	found := 0
	err := eachBatch(ctx, tx, stmt, func(b ledger.BatchBooks) {
		found++
		out.Rows += 1 + len(b.Payouts)
		out.Report.AddBatch(b)
		out.Next.ID = ledger.PayoutID{Worker: b.Batch.Sender, Seq: int64(b.Batch.AccountNonce)}
	})
	if found < limit {
		out.Done = from.Seq == ledger.AllPayouts
		out.Next.ID.Seq = ledger.AllPayouts
	}
	return err
}
