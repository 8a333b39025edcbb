package loadtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

const (
	requestTime = 2 * time.Minute
	lastWord    = 2 * time.Minute // for what is still to be submitted when the load ends
	retryAfter  = 2 * time.Second

	// One submission in so many is sent once more, as by a worker that did not
	// hear the answer.
	twiceOneIn = 20
)

// worker is one simulated worker. One goroutine is its whole life.
type worker struct {
	t       *test
	key     *ecdsa.PrivateKey
	address common.Address
	base    string
	http    *http.Client
	rng     *rand.Rand

	given     int                      // tasks
	accepted  map[string]ledger.Micros // ids of results, with what was credited for each
	unknown   map[string]bool          // ids of results that some submission without an answer held
	discarded int
	rejected  map[api.Code]int
	resent    int // results that were sent more than once
	wrong     []string
}

func (t *test) newWorker(i int, base string, client *http.Client) (*worker, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("loadtest: make a key: %w", err)
	}
	return &worker{
		t: t, key: key, address: crypto.PubkeyToAddress(key.PublicKey), base: base, http: client,
		rng:      rand.New(rand.NewPCG(t.Seed, uint64(i))),
		accepted: map[string]ledger.Micros{}, unknown: map[string]bool{}, rejected: map[api.Code]int{},
	}, nil
}

// newHTTP keeps a connection for each of n workers.
func newHTTP(n int) *http.Client {
	return &http.Client{Timeout: requestTime, Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, MaxIdleConnsPerHost: n, IdleConnTimeout: 2 * time.Minute,
	}}
}

// live polls, "checks" and submits until ctx ends. What it holds then it still
// submits.
func (w *worker) live(ctx context.Context, first time.Time) {
	for next := first; sleepUntil(ctx, next); next = next.Add(w.vary(w.t.PollEvery)) {
		tasks := w.poll(ctx)
		if len(tasks) == 0 {
			continue
		}
		sleepUntil(ctx, time.Now().Add(time.Duration(w.rng.IntN(2000))*time.Millisecond)) // the checks
		for len(tasks) > 0 {
			n := min(len(tasks), api.MaxBatch)
			w.submit(context.WithoutCancel(ctx), tasks[:n])
			tasks = tasks[n:]
		}
	}
}

func (w *worker) vary(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*w.rng.Float64()))
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

func (w *worker) poll(ctx context.Context) []api.Task {
	region := "local"
	proof, err := api.SignPoll(w.address.Hex(), region, time.Now(), fmt.Sprintf("load-%016x", w.rng.Uint64()), w.key)
	if err != nil {
		w.wrong = append(w.wrong, err.Error())
		return nil
	}
	query := url.Values{"address": {w.address.Hex()}, "region": {region}}
	header := http.Header{}
	proof.SetHeaders(header.Set)
	// A poll under way when the load ends is let finish: what it is given is seen through.
	status, body := w.call(context.WithoutCancel(ctx), w.t.polls, http.MethodGet, api.TasksPath+"?"+query.Encode(), header, nil)
	if status != http.StatusOK {
		return nil
	}
	var tasks []api.Task
	if err := json.Unmarshal(body, &tasks); err != nil {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: a poll was answered with %.200s", w.address, body))
		return nil
	}
	w.given += len(tasks)
	return tasks
}

// submit sends made-up results until there is an answer, and sometimes once more.
func (w *worker) submit(ctx context.Context, tasks []api.Task) {
	ctx, cancel := context.WithTimeout(ctx, lastWord)
	defer cancel()
	results := make([]api.Result, len(tasks))
	for i, task := range tasks {
		var err error
		if results[i], err = w.madeUp(task); err != nil {
			w.wrong = append(w.wrong, err.Error())
			return
		}
	}
	sent, err := json.Marshal(results)
	if err != nil {
		w.wrong = append(w.wrong, err.Error())
		return
	}
	answered := w.send(ctx, results, sent)
	if answered && w.rng.IntN(twiceOneIn) == 0 {
		w.resent += len(results)
		w.send(ctx, results, sent)
	}
	for !answered && sleepUntil(ctx, time.Now().Add(w.vary(retryAfter))) {
		w.resent += len(results)
		answered = w.send(ctx, results, sent)
	}
}

// madeUp is a result as a check might have given it: one in fifty is a failure.
func (w *worker) madeUp(task api.Task) (api.Result, error) {
	r := api.Result{
		TaskID: task.ID, WorkerAddress: w.address.Hex(), Timestamp: time.Now().UnixMilli(),
		Success: true, ResponseTimeMs: 20 + w.rng.Int64N(400), StatusCode: new(task.ExpectedStatus),
	}
	if w.rng.IntN(50) == 0 {
		r.Success, r.StatusCode, r.Error = false, nil, fmt.Sprintf("Timeout after %dms", task.TimeoutMs)
	}
	return r, api.Sign(&r, w.key)
}

// send submits once and notes the outcomes. It is false when nobody knows what
// became of the results.
func (w *worker) send(ctx context.Context, results []api.Result, sent []byte) bool {
	status, body := w.call(ctx, w.t.submits, http.MethodPost, api.ResultsPath, http.Header{"Content-Type": {"application/json"}}, sent)
	if status != http.StatusOK {
		for _, r := range results {
			w.unknown[api.ResultID(r)] = true
		}
		return false
	}
	var answer api.SubmitResponse
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Results) != len(results) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: a submission was answered with %.200s", w.address, body))
		return true
	}
	var earned ledger.Micros
	for i, o := range answer.Results {
		switch o.Status {
		case api.Accepted:
			id := api.ResultID(results[i])
			if _, twice := w.accepted[id]; twice || o.ResultID != id {
				w.wrong = append(w.wrong, fmt.Sprintf("%s: result %s was accepted twice, or as %s", w.address, id, o.ResultID))
			}
			w.accepted[id] = ledger.Micros(o.RewardMicros)
			earned += ledger.Micros(o.RewardMicros)
		case api.Discarded:
			w.discarded++
		default:
			w.rejected[o.Code]++
		}
	}
	if answer.Earned != earned.String() {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: an answer says earned %s, and its results add up to %s", w.address, answer.Earned, earned))
	}
	return true
}

// call makes one request and times it. Status is 0 when there was no answer.
func (w *worker) call(ctx context.Context, e *endpoint, method, path string, header http.Header, sent []byte) (status int, body []byte) {
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, bytes.NewReader(sent))
	if err != nil {
		w.wrong = append(w.wrong, err.Error())
		return 0, nil
	}
	req.Header = header
	began := time.Now()
	res, err := w.http.Do(req)
	if err == nil {
		status = res.StatusCode
		if body, err = io.ReadAll(res.Body); err != nil {
			status = 0
		}
		res.Body.Close()
	}
	e.add(status, time.Since(began))
	return status, body
}
