// Package overhead measures what SubmitResults costs beside the recovery of the
// signatures that it verifies, for functions/local/bench.
package overhead

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/functions/submitresults"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Overhead is what a submission of api.MaxBatch results costs, beside the bare
// recovery of the same signatures. Times are medians of the rounds.
type Overhead struct {
	Submit     time.Duration // all of SubmitResults but its store: decode, verify, judge, answer
	Parallel   time.Duration // recovery on as many CPUs as SubmitResults uses
	Sequential time.Duration // recovery on one CPU
	Ratio      float64       // Submit / Parallel, median of the rounds' own ratios
}

// rounds of the measurement; odd, so that there is a middle one.
const rounds = 101

// VerifyOverhead is MeasureVerify's Ratio: `submit.verify_overhead`.
func VerifyOverhead() (ratio float64, err error) {
	o, err := MeasureVerify()
	return o.Ratio, err
}

// MeasureVerify times, in each round, one submission and the bare recoveries
// one after the other, so that what else the machine does meets all of them.
// It takes about half a second.
func MeasureVerify() (Overhead, error) {
	b, err := newBatch()
	if err != nil {
		return Overhead{}, err
	}
	var submit, parallel, sequential []time.Duration
	var ratios []float64
	for i := range rounds + 5 {
		s, err := timed(b.submit)
		if err != nil {
			return Overhead{}, err
		}
		p, err := timed(func() error { return b.recover(runtime.GOMAXPROCS(0)) })
		if err != nil {
			return Overhead{}, err
		}
		q, err := timed(func() error { return b.recover(1) })
		if err != nil {
			return Overhead{}, err
		}
		if i < 5 {
			continue // caches and pools fill
		}
		submit, parallel, sequential = append(submit, s), append(parallel, p), append(sequential, q)
		ratios = append(ratios, float64(s)/float64(p))
	}
	return Overhead{median(submit), median(parallel), median(sequential), median(ratios)}, nil
}

func timed(f func() error) (time.Duration, error) {
	begin := time.Now()
	err := f()
	return time.Since(begin), err
}

func median[T time.Duration | float64](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// A batch is one full submission: as a body, and as digests and signatures.
type batch struct {
	now        time.Time
	body       []byte
	hashes     []common.Hash
	signatures [][api.SignatureLen]byte
	handler    http.Handler
}

// newBatch makes results of ten workers, five tasks each, all to be accepted.
func newBatch() (*batch, error) {
	b := &batch{now: time.UnixMilli(1764000000000).UTC()}
	var results []api.Result
	var key *ecdsa.PrivateKey
	for i := range api.MaxBatch {
		if i%5 == 0 {
			var err error
			if key, err = crypto.ToECDSA(crypto.Keccak256(fmt.Append(nil, "bench worker ", i))); err != nil {
				return nil, fmt.Errorf("overhead: %w", err)
			}
		}
		r := api.Result{
			TaskID: fmt.Sprintf("task_bench_%d", i), WorkerAddress: crypto.PubkeyToAddress(key.PublicKey).Hex(),
			Timestamp: b.now.UnixMilli() - int64(i), Success: true, ResponseTimeMs: 80, StatusCode: new(http.StatusOK),
		}
		if err := api.Sign(&r, key); err != nil {
			return nil, fmt.Errorf("overhead: %w", err)
		}
		sig, err := api.ParseSignature(r.Signature)
		if err != nil {
			return nil, fmt.Errorf("overhead: %w", err)
		}
		results = append(results, r)
		b.hashes, b.signatures = append(b.hashes, api.PersonalHash(api.Message(r))), append(b.signatures, sig)
	}
	var err error
	if b.body, err = json.Marshal(results); err != nil {
		return nil, fmt.Errorf("overhead: %w", err)
	}
	b.handler = submitresults.New(submitresults.Deps{
		Store: judge{}, Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler),
	})
	return b, nil
}

// submit gives the body to SubmitResults and checks that all was accepted.
func (b *batch) submit() error {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, api.ResultsPath, bytes.NewReader(b.body)))
	if want := []byte(`{"accepted":50,`); w.Code != http.StatusOK || !bytes.HasPrefix(w.Body.Bytes(), want) {
		return fmt.Errorf("overhead: the batch was answered with %d %s", w.Code, w.Body)
	}
	return nil
}

// recover recovers each signature's public key and does nothing with it.
func (b *batch) recover(cpus int) error {
	var next, failed atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(b.hashes); i = int(next.Add(1)) - 1 {
			if _, err := crypto.Ecrecover(b.hashes[i][:], b.signatures[i][:]); err != nil {
				failed.Add(1)
			}
		}
	}
	var helpers sync.WaitGroup
	for range cpus - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("overhead: %d signatures belong to no key", n)
	}
	return nil
}

// judge is a store without a database: every result meets a task that is due
// and assigned to its worker, and is judged by the rules.
type judge struct{}

func (judge) CreditResults(_ context.Context, now time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	judged := make([]ledger.JudgedResult, len(batch))
	for i, s := range batch {
		task := schedule.Task{ID: s.TaskID, Active: true, Interval: time.Minute, RewardMicros: 100}
		held := schedule.Assignment{TaskID: s.TaskID, Worker: s.Worker, AssignedAt: now.Add(-time.Second)}
		v := schedule.Judge(s.At, now, &task, &held, false)
		judged[i] = ledger.JudgedResult{Status: v.Status, Code: v.Code, Reward: task.RewardMicros, ResultID: s.ResultID}
	}
	return judged, nil, nil
}
