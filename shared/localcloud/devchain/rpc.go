package devchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// Call is one JSON-RPC call.
type Call struct {
	Method string
	Params []json.RawMessage
}

// Next answers a call as the node does, with a result in JSON or an error.
type Next func(context.Context, Call) (json.RawMessage, error)

// Interceptor stands before the node: it answers calls that come over HTTP
// itself, or lets next answer, before or after doing harm. It may return an
// *RPCError, HTTPStatus or ErrHangUp. Calls may come at the same time.
type Interceptor func(ctx context.Context, call Call, next Next) (json.RawMessage, error)

// Intercept puts f before the node; nil takes it away.
func (c *Chain) Intercept(f Interceptor) {
	c.interceptMu.Lock()
	defer c.interceptMu.Unlock()
	c.intercept = f
}

// RPCError is an error as JSON-RPC has it.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *RPCError) Error() string { return e.Message }

// HTTPStatus answers the whole request with that status and no JSON.
type HTTPStatus int

func (s HTTPStatus) Error() string { return http.StatusText(int(s)) }

// ErrHangUp closes the connection without an answer.
var ErrHangUp = errors.New("devchain: hang up")

type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *RPCError       `json:"error,omitempty"`
}

const maxRequest = 5 << 20

func (c *Chain) serveRPC(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "JSON-RPC wants POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var requests []request
	batch := bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	if batch {
		err = json.Unmarshal(body, &requests)
	} else {
		requests = make([]request, 1)
		err = json.Unmarshal(body, &requests[0])
	}
	if err != nil {
		reply(w, response{Version: "2.0", ID: json.RawMessage("null"), Error: &RPCError{Code: -32700, Message: err.Error()}})
		return
	}
	answers := make([]response, 0, len(requests))
	for _, req := range requests {
		result, err := c.answer(r.Context(), Call{req.Method, req.Params})
		var status HTTPStatus
		switch {
		case errors.Is(err, ErrHangUp):
			panic(http.ErrAbortHandler) // the documented way to drop a connection
		case errors.As(err, &status):
			http.Error(w, status.Error(), int(status))
			return
		}
		answers = append(answers, response{Version: "2.0", ID: req.ID, Result: result, Error: rpcError(err)})
	}
	if batch {
		reply(w, answers)
		return
	}
	reply(w, answers[0])
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

func (c *Chain) answer(ctx context.Context, call Call) (json.RawMessage, error) {
	c.interceptMu.RLock()
	intercept := c.intercept
	c.interceptMu.RUnlock()
	if intercept == nil {
		return c.askNode(ctx, call)
	}
	return intercept(ctx, call, c.askNode)
}

var served = []string{"eth_", "net_", "web3_"}

// askNode answers a call as this chain's node does.
func (c *Chain) askNode(ctx context.Context, call Call) (json.RawMessage, error) {
	if !slices.ContainsFunc(served, func(prefix string) bool { return strings.HasPrefix(call.Method, prefix) }) {
		return nil, &RPCError{Code: -32601, Message: "the method " + call.Method + " does not exist/is not available"}
	}
	params, err := c.tagged(ctx, call.Params)
	if err != nil {
		return nil, err
	}
	var result json.RawMessage
	for {
		err := c.node.rpc.CallContext(ctx, &result, call.Method, params...)
		if err == nil {
			break
		}
		if !indexing(err) {
			return nil, err
		}
		if err := c.sleep(ctx, 2*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if call.Method == "eth_sendRawTransaction" {
		if err := c.sent(ctx); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// indexing reports whether the node cannot say whether it knows a transaction,
// since it is just reading the newest block.
func indexing(err error) bool {
	return err != nil && strings.Contains(err.Error(), "transaction indexing is in progress")
}

// tagged puts block numbers in the place of "safe" and "finalized".
func (c *Chain) tagged(ctx context.Context, params []json.RawMessage) ([]any, error) {
	out := make([]any, len(params))
	for i, p := range params {
		var filter map[string]json.RawMessage
		out[i] = p
		switch {
		case bytes.HasPrefix(p, []byte(`"`)):
			number, err := c.tag(ctx, p)
			if err != nil {
				return nil, err
			}
			out[i] = number
		case bytes.HasPrefix(p, []byte("{")) && json.Unmarshal(p, &filter) == nil:
			for _, key := range []string{"fromBlock", "toBlock", "blockNumber"} {
				if filter[key] == nil {
					continue
				}
				number, err := c.tag(ctx, filter[key])
				if err != nil {
					return nil, err
				}
				filter[key] = number
			}
			out[i] = filter
		}
	}
	return out, nil
}

func (c *Chain) tag(ctx context.Context, p json.RawMessage) (json.RawMessage, error) {
	var depth uint64
	switch string(p) {
	case `"safe"`:
		depth = c.opts.SafeDepth
	case `"finalized"`:
		depth = c.opts.FinalizedDepth
	default:
		return p, nil
	}
	head, err := c.eth.BlockNumber(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(hexutil.Uint64(head - min(depth, head)))
}

// rpcError is err as the wire has it; a node's own error keeps code and data.
func rpcError(err error) *RPCError {
	var mine *RPCError
	var coded rpc.Error
	var data rpc.DataError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mine):
		return mine
	}
	e := &RPCError{Code: -32000, Message: err.Error()}
	if errors.As(err, &coded) {
		e.Code = coded.ErrorCode()
	}
	if errors.As(err, &data) {
		e.Data = data.ErrorData()
	}
	return e
}
