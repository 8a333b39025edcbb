package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// nodeLimits makes a node as public ones are.
type nodeLimits struct {
	mu     sync.Mutex
	rules  map[string]int
	count  int
	method map[string]int // calls
}

// set takes limits such as range=50, busy=7, slow=5; none takes all away.
//
//	range=N   eth_getLogs of more blocks is refused
//	busy=N    every Nth call is answered with 429
//	down      nothing is answered
//	pruned    no old state
//	slow=MS   each call takes so long
//	nologs    eth_getLogs finds nothing
func (l *nodeLimits) set(args []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rules = map[string]int{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		n := 1
		if value != "" {
			var err error
			if n, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
		l.rules[name] = n
	}
	return nil
}

func (l *nodeLimits) calls() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.method
	l.method = nil
	return out
}

func (l *nodeLimits) intercept(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
	l.mu.Lock()
	l.count++
	if l.method == nil {
		l.method = map[string]int{}
	}
	l.method[call.Method]++
	count, rules := l.count, l.rules
	l.mu.Unlock()
	if n := rules["busy"]; n > 0 && count%n == 0 {
		return nil, devchain.HTTPStatus(429)
	}
	if rules["down"] > 0 {
		return nil, devchain.HTTPStatus(503)
	}
	if n := rules["slow"]; n > 0 {
		time.Sleep(time.Duration(n) * time.Millisecond)
	}
	switch call.Method {
	case "eth_getLogs":
		var f struct{ FromBlock, ToBlock hexutil.Uint64 }
		if err := json.Unmarshal(call.Params[0], &f); err != nil {
			return nil, err
		}
		if n := rules["range"]; n > 0 && int(f.ToBlock-f.FromBlock) >= n {
			return nil, &devchain.RPCError{Code: -32614, Message: fmt.Sprintf("eth_getLogs is limited to a %d range", n)}
		}
		if rules["nologs"] > 0 {
			return json.RawMessage("[]"), nil
		}
	case "eth_getTransactionCount", "eth_call":
		if rules["pruned"] > 0 && !strings.Contains(string(call.Params[len(call.Params)-1]), "latest") {
			return nil, &devchain.RPCError{Code: -32000, Message: "missing trie node 00 (path ) state 0x00 is not available"}
		}
	}
	return next(ctx, call)
}
