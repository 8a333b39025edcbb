package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// workShards is the number of ranges that the indexes of work and of due
// receipts are spread over.
const workShards = 16

func workShard(worker common.Address) int64 {
	h := fnv.New32a()
	h.Write(worker[:])
	return int64(h.Sum32() % workShards)
}

var allWorkShards = func() []int64 {
	s := make([]int64, workShards)
	for i := range s {
		s[i] = int64(i)
	}
	return s
}()

// payoutRow is WorkerPayouts as it is read by what may write it.
type payoutRow struct {
	payoutPublicRow
	Signature spanner.NullString
}

// payoutPublicRow is the same without the signed authorization, which only the
// paying process needs. It must not be written back.
type payoutPublicRow struct {
	Worker          string
	Seq             int64
	AmountMicros    int64
	ResultCount     int64
	ResultsHash     spanner.NullString
	ChainId         int64
	Token           string
	Treasury        string
	Nonce           spanner.NullString
	State           string
	Reason          spanner.NullString
	ValidBefore     spanner.NullInt64
	AuthorizedBlock spanner.NullInt64
	UsdcTx          spanner.NullString
	UsdcBlock       spanner.NullInt64
	ReceiptSender   spanner.NullString
	ReceiptNonce    spanner.NullInt64
	LogTx           spanner.NullString
	Attempts        int64
	LeaseOwner      spanner.NullString
	LeaseUntil      spanner.NullTime
	WorkAt          spanner.NullTime
	ReceiptDueAt    spanner.NullTime
	CreatedAt       time.Time
	ConfirmedAt     spanner.NullTime
}

// The columns of the two.
var (
	payoutPublic = []string{"Worker", "Seq", "AmountMicros", "ResultCount", "ResultsHash", "ChainId", "Token", "Treasury", "Nonce",
		"State", "Reason", "ValidBefore", "AuthorizedBlock", "UsdcTx", "UsdcBlock", "ReceiptSender", "ReceiptNonce", "LogTx",
		"Attempts", "LeaseOwner", "LeaseUntil", "WorkAt", "ReceiptDueAt", "CreatedAt", "ConfirmedAt"}
	payoutColumns = append([]string{"Signature"}, payoutPublic...)

	selectPayout       = strings.Join(payoutColumns, ", ")
	selectPayoutPublic = strings.Join(payoutPublic, ", ")
)

func (r *payoutRow) payout() (ledger.Payout, error) {
	p, err := r.payoutPublicRow.payout()
	if err != nil || !r.Signature.Valid {
		return p, err
	}
	if p.Signature, err = parseHex(r.Signature.StringVal, 65); err != nil {
		// The error must not show what was found.
		return ledger.Payout{}, fmt.Errorf("payout %s: stored signature is not 65 bytes in hex", p.ID)
	}
	return p, nil
}

func (r *payoutPublicRow) payout() (ledger.Payout, error) {
	p := ledger.Payout{
		Amount: ledger.Micros(r.AmountMicros), ResultCount: r.ResultCount, ChainID: r.ChainId, CreatedAt: r.CreatedAt.UTC(),
		State: ledger.PayoutState(r.State), Reason: r.Reason.StringVal, ResultsHash: r.ResultsHash.StringVal,
		ValidBefore: r.ValidBefore.Int64, AuthorizedBlock: uint64(r.AuthorizedBlock.Int64), Attempts: r.Attempts,
		LeaseOwner: r.LeaseOwner.StringVal, LeaseUntil: timeOf(r.LeaseUntil), WorkAt: timeOf(r.WorkAt),
		UsdcBlock: uint64(r.UsdcBlock.Int64), ConfirmedAt: timeOf(r.ConfirmedAt), ReceiptDueAt: timeOf(r.ReceiptDueAt),
	}
	var d decoder
	p.ID = ledger.PayoutID{Worker: d.address(r.Worker), Seq: r.Seq}
	p.Token, p.Treasury = d.address(r.Token), d.address(r.Treasury)
	p.Nonce, p.UsdcTx, p.LogTx = d.hash(r.Nonce), d.hash(r.UsdcTx), d.hash(r.LogTx)
	if r.ReceiptNonce.Valid {
		p.ReceiptBatch = &ledger.BatchKey{Sender: d.address(r.ReceiptSender.StringVal), AccountNonce: uint64(r.ReceiptNonce.Int64)}
	}
	if d.err != nil {
		return ledger.Payout{}, fmt.Errorf("payout %s-%d: %w", r.Worker, r.Seq, d.err)
	}
	return p, nil
}

// decoder reads hex columns and keeps the first error.
type decoder struct{ err error }

func (d *decoder) keep(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) address(s string) common.Address {
	a, err := parseAddress(s)
	d.keep(err)
	return a
}

func (d *decoder) hash(s spanner.NullString) common.Hash {
	h, err := parseHash(s)
	d.keep(err)
	return h
}

// payoutChanges are the columns that a payout's verbs may change, as they
// stand in p.
func payoutChanges(p ledger.Payout, now time.Time) map[string]any {
	signature := spanner.NullString{}
	if len(p.Signature) > 0 {
		signature = nullString(hexText(p.Signature))
	}
	m := map[string]any{
		"Worker": addressText(p.ID.Worker), "Seq": p.ID.Seq,
		"ResultsHash": nullString(p.ResultsHash), "State": string(p.State), "Reason": nullString(clip(p.Reason, 1024)),
		"ValidBefore": nullInt(p.ValidBefore), "Signature": signature, "AuthorizedBlock": nullInt(int64(p.AuthorizedBlock)),
		"UsdcTx": nullHash(p.UsdcTx), "UsdcBlock": nullInt(int64(p.UsdcBlock)),
		"ReceiptSender": spanner.NullString{}, "ReceiptNonce": spanner.NullInt64{}, "LogTx": nullHash(p.LogTx),
		"Attempts": p.Attempts, "LeaseOwner": nullString(p.LeaseOwner), "LeaseUntil": nullTime(p.LeaseUntil),
		"WorkAt": nullTime(p.WorkAt), "ReceiptDueAt": nullTime(p.ReceiptDueAt),
		"ConfirmedAt": nullTime(p.ConfirmedAt), "FailedAt": spanner.NullTime{}, "UpdatedAt": now.UTC(),
	}
	if p.State == ledger.Failed { // a failed one is written once, and again only when it is requeued
		m["FailedAt"] = nullTime(now)
	}
	if b := p.ReceiptBatch; b != nil {
		m["ReceiptSender"] = nullString(addressText(b.Sender))
		m["ReceiptNonce"] = spanner.NullInt64{Int64: int64(b.AccountNonce), Valid: true}
	}
	return m
}

func updatePayout(p ledger.Payout, now time.Time) *spanner.Mutation {
	return spanner.UpdateMap("WorkerPayouts", payoutChanges(p, now))
}

func insertPayout(p ledger.Payout, now time.Time) *spanner.Mutation {
	m := payoutChanges(p, now)
	m["AmountMicros"], m["ResultCount"], m["ChainId"] = int64(p.Amount), p.ResultCount, p.ChainID
	m["Token"], m["Treasury"], m["Nonce"] = addressText(p.Token), addressText(p.Treasury), hexText(p.Nonce[:])
	m["WorkShard"], m["CreatedAt"] = workShard(p.ID.Worker), p.CreatedAt.UTC()
	return spanner.InsertMap("WorkerPayouts", m)
}

// clip shortens s to at most n characters, for a column of that length.
func clip(s string, n int) string {
	runes := []rune(strings.ToValidUTF8(s, "?"))
	return string(runes[:min(n, len(runes))])
}

func payoutKey(id ledger.PayoutID) spanner.Key {
	return spanner.Key{addressText(id.Worker), id.Seq}
}

// changePayout runs one verb on one payout: read, let change decide, and
// write the row if it says so. It returns the payout as it stands afterwards.
func (db *DB) changePayout(ctx context.Context, tag string, id ledger.PayoutID, now time.Time, change func(*ledger.Payout) (bool, error)) (ledger.Payout, error) {
	var out ledger.Payout
	_, err := db.readWrite(ctx, tag, func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		out = ledger.Payout{}
		row, err := tx.ReadRow(ctx, "WorkerPayouts", payoutKey(id), payoutColumns)
		if errors.Is(err, spanner.ErrRowNotFound) {
			return fmt.Errorf("payout %s: %w", id, ledger.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read payout %s: %w", id, err)
		}
		p, err := decodePayout(row)
		if err != nil {
			return err
		}
		changed, err := change(&p)
		if err != nil {
			return err
		}
		out = p
		if !changed {
			return nil
		}
		return tx.BufferWrite([]*spanner.Mutation{updatePayout(p, now)})
	})
	if err != nil {
		return ledger.Payout{}, err
	}
	return out, nil
}

func decodePayout(row *spanner.Row) (ledger.Payout, error) {
	var r payoutRow
	if err := row.ToStruct(&r); err != nil {
		return ledger.Payout{}, fmt.Errorf("decode a payout: %w", err)
	}
	return r.payout()
}
