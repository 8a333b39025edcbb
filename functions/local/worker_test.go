package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// testWorker speaks the protocol as protocol.md has it, and checks nothing.
type testWorker struct {
	key     *ecdsa.PrivateKey
	address common.Address
	base    string
	http    *http.Client
}

func newTestWorker(t *testing.T, base string) *testWorker {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &testWorker{key, crypto.PubkeyToAddress(key.PublicKey), base, &http.Client{Timeout: 2 * time.Minute}}
}

// poll is an error unless the answer is 200.
func (w *testWorker) poll(ctx context.Context) (tasks []api.Task, err error) {
	query := url.Values{"address": {w.address.Hex()}, "region": {"EU"}}
	status, body, err := w.call(ctx, http.MethodGet, api.TasksPath+"?"+query.Encode(), nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("poll: %d %s", status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &tasks)
	}
	return tasks, err
}

// result is a signed one for a task, made at the given time.
func (w *testWorker) result(t testing.TB, task string, at time.Time) api.Result {
	t.Helper()
	code := 200
	r := api.Result{
		TaskID: task, WorkerAddress: w.address.Hex(), Timestamp: at.UnixMilli(),
		Success: true, ResponseTimeMs: 12, StatusCode: &code,
	}
	if err := api.Sign(&r, w.key); err != nil {
		t.Fatal(err)
	}
	return r
}

// submit is an error unless the answer is 200.
func (w *testWorker) submit(ctx context.Context, results ...api.Result) (answer api.SubmitResponse, err error) {
	sent, err := json.Marshal(results)
	if err != nil {
		return answer, err
	}
	status, body, err := w.call(ctx, http.MethodPost, api.ResultsPath, sent)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("submit: %d %s", status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	return answer, err
}

func (w *testWorker) call(ctx context.Context, method, path string, sent []byte) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, w.base+path, bytes.NewReader(sent))
	if err != nil {
		return 0, nil, err
	}
	res, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}
